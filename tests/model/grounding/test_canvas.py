import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.grounding.canvas import cell_centre, cell_of, lattice, line_cells, resize_maps, strongest, to_canvas
from tests.model.memory import growth, measured

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.integers(1, 64), st.data())
def test_the_centre_of_a_cell_lies_in_that_cell(height: int, width: int, grid: int, data: st.DataObject) -> None:
    cell = data.draw(st.tuples(st.integers(0, grid - 1), st.integers(0, grid - 1)))
    x, y = cell_centre(cell, (grid, grid), (height, width))
    assert cell_of(x, y, grid, (height, width)) == cell
    assert 0 <= x <= width
    assert 0 <= y <= height


def test_points_on_the_far_edges_belong_to_the_last_cells() -> None:
    assert cell_of(300.0, 200.0, 16, (200, 300)) == (15, 15)


def test_the_canvas_is_the_whole_picture_squashed() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 150:] = 255
    canvas = to_canvas(image, 64)
    assert canvas.shape == (64, 64, 3)
    assert canvas[:, :30].max() < 30
    assert canvas[:, 34:].min() > 225


def test_maps_keep_their_place_when_resized() -> None:
    maps = torch.zeros(1, 4, 4)
    maps[0, 1, 2] = 1
    large = resize_maps(maps, (40, 80))[0].numpy()
    assert np.unravel_index(large.argmax(), large.shape) == pytest.approx((15, 50), abs=6)


POINTS = st.tuples(st.floats(0, 300), st.floats(0, 200))


@given(st.lists(POINTS, min_size=1, max_size=5), st.integers(1, 40))
def test_a_line_visits_the_cells_that_its_pixels_lie_in(corners: list[tuple[float, float]], grid: int) -> None:
    visited = line_cells(corners, grid, (200, 300))
    assert len(set(visited)) == len(visited)
    steps = [(x, y) for x, y in corners[:1]]
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        steps += [(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share) for share in np.linspace(0, 1, 50)[1:-1]]
    near = {(row + down, column + right) for row, column in visited for down in (-1, 0, 1) for right in (-1, 0, 1)}
    assert {cell_of(x, y, grid, (200, 300)) for x, y in steps} <= near
    assert all(0 <= row < grid and 0 <= column < grid for row, column in visited)


def test_a_line_that_cuts_a_corner_visits_the_cell_in_the_corner() -> None:
    assert line_cells([(5, 5), (25, 16)], 10, (100, 100)) == [(0, 0), (0, 1), (1, 1), (1, 2)]


def test_a_lattice_is_spread_evenly_and_never_finer_than_the_grid() -> None:
    assert lattice(8, 2).tolist() == [2 * 8 + 2, 2 * 8 + 6, 6 * 8 + 2, 6 * 8 + 6]
    assert lattice(3, 16).tolist() == list(range(9))


def test_the_strongest_of_many_maps_is_the_greatest_of_all_of_them_enlarged() -> None:
    maps = torch.rand(5, 4, 4, generator=torch.Generator().manual_seed(0))
    number, most = strongest(maps, (30, 50))
    together = resize_maps(maps, (30, 50))
    assert np.array_equal(number, together.argmax(0).numpy())
    assert np.array_equal(most, together.amax(0).numpy())
    assert (strongest(torch.zeros(3, 2, 2), (4, 4))[0] == 0).all()


@measured
def test_a_thread_of_a_picture_is_not_widened_at_its_full_height() -> None:
    """Pillow widens first: 512 x 100,000 pixels of 4 bytes on the way to 512 x 512."""
    image = np.repeat(np.arange(100_000) < 50_000, 3).reshape(100_000, 1, 3).astype(np.uint8) * np.uint8(200)
    canvas = to_canvas(image, 512)
    assert (canvas[:250].min(), canvas[262:].max()) == (200, 0)
    assert growth(lambda: to_canvas(image, 512)) < 50_000_000

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.canvas import bounds, box_mask, cell_centre, cell_of, corners, resize_maps, to_canvas
from model.values import Box

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


def test_a_box_turned_by_ninety_degrees_lies_left_of_its_corner() -> None:
    turned = corners(Box(50, 10, 80, 30, rotation=90))
    assert turned == pytest.approx(np.array([(50, 10), (50, 40), (30, 40), (30, 10)]))


def test_bounds_are_clipped_to_the_picture() -> None:
    assert bounds(Box(-5, -5, 400, 50), (100, 200)).tolist() == [0, 0, 200, 50]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
def test_an_upright_box_covers_its_pixels_exactly(x: int, y: int, width: int, height: int) -> None:
    expected = np.zeros((60, 60), bool)
    expected[y : y + height, x : x + width] = True
    covered = box_mask(Box(x, y, x + width, y + height), (60, 60), (60, 60))
    assert np.count_nonzero(covered ^ expected) <= 2 * (width + height)
    assert (covered & expected).sum() >= max(expected.sum() - 2 * (width + height), 1)


def test_the_canvas_is_the_whole_picture_squashed() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 150:] = 255
    canvas = to_canvas(image, 64)
    assert canvas.shape == (64, 64, 3)
    assert canvas[:, :30].max() < 30
    assert canvas[:, 34:].min() > 225


def test_maps_keep_their_place_when_resized() -> None:
    import torch

    maps = torch.zeros(1, 4, 4)
    maps[0, 1, 2] = 1
    large = resize_maps(maps, (40, 80))[0].numpy()
    assert np.unravel_index(large.argmax(), large.shape) == pytest.approx((15, 50), abs=6)

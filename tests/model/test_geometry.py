import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.geometry import bounds, box_mask, corners, extent, grown, holds, iou, ordered, polygon_mask
from model.types import Box, Point

TURNED = Box(50, 10, 80, 30, rotation=90)  # lies left of its corner


def test_a_box_turned_by_ninety_degrees_lies_left_of_its_corner() -> None:
    assert corners(TURNED) == pytest.approx(np.array([(50, 10), (50, 40), (30, 40), (30, 10)]))


def test_bounds_are_clipped_to_the_picture() -> None:
    assert bounds(Box(-5, -5, 400, 50), (100, 200)).tolist() == [0, 0, 200, 50]


@given(st.integers(-5, 40), st.integers(-5, 40), st.integers(1, 20), st.integers(1, 20))
def test_an_upright_box_covers_its_pixels_exactly(x: int, y: int, width: int, height: int) -> None:
    expected = np.zeros((60, 60), bool)
    expected[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    assert np.array_equal(box_mask(Box(x, y, x + width, y + height), (60, 60), (60, 60)), expected)


@given(st.lists(st.tuples(st.floats(-10, 40), st.floats(-10, 50)), min_size=3, max_size=9))
def test_a_polygon_covers_the_pixels_whose_centres_it_goes_round(outline: list[tuple[float, float]]) -> None:
    """Crossings of a ray to the left of each centre, counted one by one: even-odd, however often it crosses itself."""
    covered = polygon_mask(np.array(outline), (40, 30))
    for row, column in [(0, 0), (7, 22), (20, 15), (33, 3), (39, 29)]:
        x, y, inside = column + 0.5, row + 0.5, False
        for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1], strict=True):
            if (y0 <= y) != (y1 <= y):
                inside ^= x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x
        assert covered[row, column] == inside


def test_a_turned_square_covers_its_area() -> None:
    covered = box_mask(Box(50, 10, 90, 50, rotation=45), (100, 100), (100, 100))
    assert np.count_nonzero(covered) == pytest.approx(1600, rel=0.02)


def test_a_box_grows_by_a_share_of_its_sides_along_its_own_axes() -> None:
    assert grown(Box(10, 10, 110, 20), (), 0.1, 2) == Box(0, 8, 120, 22)
    turned = grown(Box(50, 10, 90, 30, rotation=90), (), 0.1, 2)  # lies left of its corner, 40 high and 20 wide
    assert extent(turned) == pytest.approx(np.array([28, 6, 52, 54]))


def test_a_box_grows_to_the_points_outside_of_it_alone() -> None:
    assert grown(Box(10, 10, 20, 20), [Point(15, 15), Point(40, 12)], 0.1, 2) == Box(7, 8, 43, 22)


@pytest.mark.parametrize("rotation", [0, 90, 200])
def test_a_box_drawn_backwards_is_put_in_order(rotation: float) -> None:
    straight = Box(30, 20, 50, 60, rotation)
    first, _, opposite, _ = corners(straight)
    backwards = ordered(
        Box(float(opposite[0]), float(opposite[1]), float(opposite[0]) - 20, float(opposite[1]) - 40, rotation)
    )
    assert np.allclose(corners(backwards), corners(straight))
    assert np.allclose(corners(backwards)[0], first)


@pytest.mark.parametrize(
    ("x", "y", "inside"), [(40, 25, True), (31, 39, True), (49, 11, True), (60, 20, False), (40, 9, False)]
)
def test_a_point_is_held_by_the_turned_box_and_not_by_its_upright_one(x: float, y: float, inside: bool) -> None:
    assert holds(TURNED, x, y) is inside


@given(st.floats(0, 360), st.floats(0, 1), st.floats(0, 1))
def test_a_point_between_the_corners_is_held_however_the_box_is_turned(turn: float, across: float, down: float) -> None:
    box = Box(5, 7, 45, 27, rotation=turn)
    first, right, _, below = corners(box)
    inner = 0.01 + 0.98 * np.array((across, down))
    x, y = first + inner[0] * (right - first) + inner[1] * (below - first)
    left, top, end, bottom = extent(box)
    assert holds(box, x, y)
    assert left <= x <= end
    assert top <= y <= bottom


def test_the_overlap_of_masks_is_a_share_of_their_union() -> None:
    one, other = np.zeros((4, 4), np.bool_), np.zeros((4, 4), np.bool_)
    assert iou(one, other) == 1
    one[:2], other[1:] = True, True
    assert iou(one, other) == 4 / 16

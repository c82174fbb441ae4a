import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.geometry import bounds, box_mask, corners, extent, holds, iou
from model.values import Box

TURNED = Box(50, 10, 80, 30, rotation=90)  # lies left of its corner


def test_a_box_turned_by_ninety_degrees_lies_left_of_its_corner() -> None:
    assert corners(TURNED) == pytest.approx(np.array([(50, 10), (50, 40), (30, 40), (30, 10)]))


def test_bounds_are_clipped_to_the_picture() -> None:
    assert bounds(Box(-5, -5, 400, 50), (100, 200)).tolist() == [0, 0, 200, 50]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
def test_an_upright_box_covers_its_pixels_exactly(x: int, y: int, width: int, height: int) -> None:
    expected = np.zeros((60, 60), bool)
    expected[y : y + height, x : x + width] = True
    covered = box_mask(Box(x, y, x + width, y + height), (60, 60), (60, 60))
    assert np.count_nonzero(covered ^ expected) <= 2 * (width + height)
    assert (covered & expected).sum() >= max(expected.sum() - 2 * (width + height), 1)


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

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.learning.dataset.agreement import frame_of, framed, score
from model.types import Mask


def bar(left: int, right: int) -> Mask:
    mask = np.zeros((4, 20), np.bool_)
    mask[:, left:right] = True
    return mask


def test_the_same_objects_score_one_in_any_order() -> None:
    assert score([bar(0, 4), bar(8, 12)], [bar(8, 12), bar(0, 4)]) == 1


def test_nothing_where_nothing_is_wanted_scores_one() -> None:
    assert score([], []) == 1
    assert score([bar(0, 4)], []) == 0
    assert score([], [bar(0, 4)]) == 0


def test_overlap_counts_by_intersection_over_union() -> None:
    assert score([bar(0, 4)], [bar(2, 6)]) == 2 / 6


def test_misses_and_false_finds_cost_their_share() -> None:
    assert score([bar(0, 4), bar(8, 12)], [bar(0, 4)]) == 0.5
    assert score([bar(0, 4)], [bar(0, 4), bar(8, 12), bar(14, 18)]) == 1 / 3


def test_matching_is_the_best_for_all_together() -> None:
    wanted, found = [bar(0, 10), bar(10, 12)], [bar(0, 12), bar(0, 8)]
    assert score(wanted, found) == (8 / 10 + 2 / 12) / 2


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_a_frame_keeps_the_pictures_shape(height: int, width: int) -> None:
    rows, columns = frame_of((height, width))
    assert max(rows, columns) == min(256, max(height, width))
    scale = max(rows, columns) / max(height, width)
    assert abs(rows - height * scale) <= 1
    assert abs(columns - width * scale) <= 1


def test_a_cell_is_covered_where_half_of_it_is() -> None:
    mask = np.zeros((4, 4), np.bool_)
    mask[:2, 0] = mask[2:, 2:] = True
    np.testing.assert_array_equal(framed(mask, (2, 2)), [[True, False], [False, True]])

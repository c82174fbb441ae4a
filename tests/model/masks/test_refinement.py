"""A later click changes what it asked for, and nothing else."""

import numpy as np
from numpy.typing import NDArray

from model.masks.refinement import merged_into, obedient, refined
from model.types import Candidates, Hint, Point

SIZE = (200, 200)  # of the picture; cells of the frame are ten pixels


def logits(*parts: tuple[int, int, int, int]) -> NDArray[np.float32]:
    found = np.full((20, 20), -5, np.float32)
    for top, left, bottom, right in parts:
        found[top:bottom, left:right] = 5
    return found


def test_only_the_part_that_was_clicked_changes() -> None:
    before, found = logits((2, 2, 8, 8)), logits((2, 2, 8, 12), (15, 15, 18, 18))
    merged = merged_into(before, found, (Point(45, 45), Point(105, 45)), SIZE)
    assert np.array_equal(merged > 0, logits((2, 2, 8, 12)) > 0)


def test_a_click_that_was_obeyed_already_lets_the_new_answer_stand() -> None:
    found = logits((2, 2, 8, 12))
    assert np.array_equal(merged_into(logits((2, 2, 8, 8)), found, (Point(45, 45),), SIZE), found)


def test_answers_that_disobey_fewer_points_come_first() -> None:
    masks = np.stack([logits((2, 2, 8, 8)), logits((2, 2, 8, 12)), logits((12, 12, 18, 18))])
    points = (Point(45, 45), Point(105, 45))
    (kept,) = obedient([Candidates(masks, np.array([0.9, 0.2, 0.9], np.float32), (20, 20))], points, SIZE)
    assert np.array_equal(kept.low_res_masks, masks[1:2])
    assert kept.iou_predictions.tolist() == [np.float32(0.2)]


def test_of_two_obedient_answers_the_one_like_the_earlier_mask_is_taken() -> None:
    before = logits((2, 2, 10, 10))
    masks = np.stack([logits((2, 2, 18, 18)), logits((2, 2, 10, 12))])
    answer = Candidates(masks, np.array([0.8, 0.8], np.float32), (20, 20))
    choice = refined(Hint((Point(45, 45), Point(115, 45)), previous=before), [answer], SIZE, 0.5)
    assert np.array_equal(choice.low_res_mask > 0, masks[1] > 0)

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.geometry import iou
from model.masks.selection import Choice, agreement, best, distinct, exclusive, grained, placed, with_evidence
from model.types import Candidates


def square(side: int, rows: slice, columns: slice) -> NDArray[np.float32]:
    mask = np.full((side, side), -4.0, np.float32)
    mask[rows, columns] = 4.0
    return mask


LEFT = square(32, slice(8, 24), slice(2, 14))
RIGHT = square(32, slice(8, 24), slice(18, 30))
WHOLE = square(32, slice(0, 32), slice(0, 32))


def choice(mask: NDArray[np.float32], score: float = 0.5) -> Choice:
    return Choice(mask, (32, 32), score)


def test_the_candidate_that_agrees_with_the_scores_wins_over_a_surer_one() -> None:
    scores = np.zeros((16, 16), np.float32)
    scores[4:12, 1:7] = 1.0
    masks = Candidates(np.stack([WHOLE, LEFT, RIGHT]), np.array([0.99, 0.8, 0.9], np.float32), (32, 32))
    assert np.array_equal(best([masks], scores, 0.6).low_res_mask, LEFT)


def test_only_the_picture_s_part_of_the_frame_is_compared() -> None:
    scores = np.ones((16, 16), np.float32)
    upper = square(32, slice(0, 16), slice(0, 32))
    wide = Candidates(np.stack([upper]), np.array([1.0], np.float32), valid=(16, 32))
    assert best([wide], scores, 1.0).score == pytest.approx(1.0)


def test_a_granularity_takes_a_prompts_mask_by_its_area_inside_the_picture() -> None:
    beyond = square(32, slice(16, 32), slice(0, 32))
    masks = Candidates(np.stack([WHOLE, beyond, LEFT]), np.array([0.7, 0.8, 0.9], np.float32), valid=(20, 32))
    taken = [grained(masks, granularity).low_res_masks[0] for granularity in range(3)]
    assert [bool(np.array_equal(*each)) for each in zip(taken, (beyond, LEFT, WHOLE), strict=True)] == [True] * 3
    assert grained(masks, None) is masks


def test_a_prompt_with_one_answer_keeps_it_at_every_granularity() -> None:
    single = Candidates(LEFT[None], np.array([0.9], np.float32), valid=(32, 32))
    assert grained(single, 0) is single


def test_agreement_of_equal_opposite_and_empty() -> None:
    mask = LEFT > 0
    assert agreement(mask, mask.astype(np.float32)) == pytest.approx(1.0)
    assert agreement(mask, (RIGHT > 0).astype(np.float32)) == 0
    assert agreement(np.zeros((4, 4), bool), np.zeros((4, 4), np.float32)) == 0


def test_the_phrase_with_more_evidence_keeps_an_object_that_two_claim() -> None:
    strong, weak = Choice(LEFT, (32, 32), 0.5, evidence=0.4), Choice(LEFT, (32, 32), 0.9, evidence=0.1)
    other = Choice(RIGHT, (32, 32), 0.2, evidence=0.05)
    assert exclusive([(weak, other), (strong,)], overlap=0.5) == [(other,), (strong,)]


def test_evidence_is_the_mean_under_the_mask() -> None:
    evidence = torch.zeros(16, 16)
    evidence[:, :8] = 0.4
    assert with_evidence(choice(LEFT), evidence).evidence == pytest.approx(0.4, abs=0.02)
    assert with_evidence(choice(RIGHT), evidence).evidence == pytest.approx(0.0, abs=0.02)


def test_the_same_object_twice_is_one_answer() -> None:
    nearly = square(32, slice(8, 24), slice(3, 14))
    kept = distinct([choice(nearly, 0.7), choice(LEFT, 0.9), choice(RIGHT, 0.4)], overlap=0.6)
    assert [each.score for each in kept] == [0.9, 0.4]


@pytest.mark.parametrize(("place", "expected"), [("left", LEFT), ("right", RIGHT)])
def test_a_place_chooses_among_matches(place: str, expected: NDArray[np.float32]) -> None:
    chosen = placed([choice(LEFT), choice(RIGHT)], place)
    assert len(chosen) == 1
    assert np.array_equal(chosen[0].low_res_mask, expected)


def test_without_a_place_all_matches_stay() -> None:
    assert len(placed([choice(LEFT), choice(RIGHT)], None)) == 2


def test_iou_of_empty_masks_is_one() -> None:
    assert iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 1.0

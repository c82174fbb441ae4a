import math

import numpy as np
import pytest
from numpy.typing import NDArray

from model.config import ProposalConfig
from model.methods.pmp import OUTSIDE, Frame, about, best_ious, certainty, frame_of, joining, masks_at, recall
from model.types import Candidates, Mask, Proposals

CONFIG = ProposalConfig(join=True, least=0.3, most=2)
FRAME = Frame((8, 8), (8, 6))


def halves(*chances: tuple[float, float]) -> Proposals:
    """For each pair of chances a mask of 4 x 4 cells: the left half, then the right, in turn."""
    masks = np.full((len(chances), 4, 4), -5, np.float32)
    masks[::2, :, :2] = masks[1::2, :, 2:] = 5
    return Proposals(masks, np.array(chances, np.float32).reshape(-1, 2))


def square(at: int) -> Mask:
    mask = np.zeros((10, 10), np.bool_)
    mask[at : at + 4, at : at + 4] = True
    return mask


def test_the_surest_proposals_of_a_text_join_first_and_no_more_than_wanted() -> None:
    found = joining(halves((0.4, 0), (0.9, 0), (0.5, 1), (0.2, 0)), 0, FRAME, CONFIG)
    assert found.low_res_masks.shape == (2, 8, 8)
    assert found.low_res_masks[0, 4, 1] < 0 < found.low_res_masks[0, 4, 4]  # the right half: 0.9
    assert found.low_res_masks[1, 4, 4] < 0 < found.low_res_masks[1, 4, 1]  # the left half: 0.5


def test_proposals_about_some_texts_are_the_same_masks() -> None:
    whole = halves((0.4, 0), (0.9, 1))
    some = about(whole, [1])
    assert some is not None
    np.testing.assert_array_equal(some.probabilities, [[0], [1]])
    np.testing.assert_array_equal(
        joining(some, 0, FRAME, CONFIG).low_res_masks, joining(whole, 1, FRAME, CONFIG).low_res_masks
    )
    assert about(None, [0]) is None


def test_unsure_proposals_stay_out() -> None:
    found = joining(halves((0.29, 0.9), (0.1, 0.9)), 0, FRAME, CONFIG)
    assert found.low_res_masks.shape == (0, 8, 8)
    assert found.iou_predictions.shape == (0,)


def test_a_proposal_fills_the_pictures_part_of_the_frame() -> None:
    found = joining(halves((1, 0)), 0, FRAME, CONFIG)
    assert found.valid == FRAME.valid
    np.testing.assert_array_equal(found.low_res_masks[0] > 0, np.tile(np.arange(8) < 3, (8, 1)))
    assert (found.low_res_masks[0, :, 6:] == OUTSIDE).all()


def test_the_frame_is_the_segmenters() -> None:
    candidates = Candidates(np.zeros((3, 48, 48), np.float32), np.zeros(3, np.float32), (48, 36))
    assert frame_of(candidates) == Frame((48, 48), (48, 36))


@pytest.mark.parametrize(
    ("logits", "wanted"),
    [([[0.0, -1]], 0.0), ([[math.log(3), -1]], 0.75), ([[math.log(3), 50]], 0.875)],
)
def test_certainty_is_the_mean_chance_inside(logits: list[list[float]], wanted: float) -> None:
    assert certainty(np.array(logits, np.float32)) == pytest.approx(wanted)


def test_the_best_proposal_counts_for_each_truth() -> None:
    masks, truths = np.stack([square(0), square(2)]), np.stack([square(2), square(1), square(6)])
    assert best_ious(masks, truths).tolist() == [1, 9 / 23, 0]


@pytest.mark.parametrize(("threshold", "wanted"), [(0.5, 2 / 3), (0.75, 1 / 3)])
def test_recall_counts_the_truths_reached(threshold: float, wanted: float) -> None:
    assert recall(np.array([0.2, 0.5, 0.9]), threshold) == wanted


def test_nothing_proposed_reaches_nothing() -> None:
    ious: NDArray[np.float64] = best_ious(np.zeros((0, 10, 10), np.bool_), square(0)[None])
    assert recall(ious, 0.5) == 0
    assert math.isnan(recall(best_ious(square(0)[None], np.zeros((0, 10, 10), np.bool_)), 0.5))


def test_masks_are_brought_to_the_pictures_size() -> None:
    masks = masks_at(halves((1, 0)), (40, 20))
    np.testing.assert_array_equal(masks[0], np.tile(np.arange(20) < 10, (40, 1)))

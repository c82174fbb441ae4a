import numpy as np
import pytest

from model.coco_rle import pack
from model.learning.dataset.consensus import agreed, consensus, majority, size_of
from model.learning.dataset.learning_examples import LearningExample, Opinion
from model.types import Image, Mask


def square(x: int, y: int, side: int = 4, size: int = 16) -> Mask:
    mask = np.zeros((size, size), np.bool_)
    mask[y : y + side, x : x + side] = True
    return mask


def nowhere() -> Image:
    raise AssertionError("a consensus needs no pixels")


def said(*opinions: tuple[str, Mask], weights: dict[str, float]) -> LearningExample:
    return LearningExample("1", nowhere, tuple(Opinion(who, "dog", pack(mask)) for who, mask in opinions), weights)


def test_one_annotator_alone_is_believed() -> None:
    (found,) = agreed(said(("anna", square(2, 2)), weights={"anna": 1}))["dog"]
    np.testing.assert_array_equal(found, square(2, 2))


def test_each_pixel_is_what_most_annotators_made_it() -> None:
    masks = square(2, 2), square(3, 2), square(2, 3)
    (found,) = consensus([(1.0, (mask,)) for mask in masks], 3)
    np.testing.assert_array_equal(found, np.sum(masks, axis=0) >= 2)


def test_an_object_that_less_than_half_of_the_weight_left_is_dropped() -> None:
    marks = {"anna": 1.0, "ben": 1.0, "cleo": 1.0}
    assert agreed(said(("anna", square(2, 2)), weights=marks))["dog"] == ()
    assert len(agreed(said(("anna", square(2, 2)), weights={"anna": 1.0, "ben": 1.0}))["dog"]) == 1


def test_objects_are_matched_one_to_one() -> None:
    left, right = square(1, 1), square(10, 1)
    found = consensus([(1.0, (left, right)), (1.0, (right, left)), (1.0, (left,))], 3)
    assert sorted(int(mask.nonzero()[1].min()) for mask in found) == [1, 10]


def test_a_ground_truth_decides_by_its_weight() -> None:
    truth, other = square(2, 2), square(4, 2)
    weights = {"anna": 1.0, "ben": 1.0, "boss": 3.0}
    (found,) = agreed(said(("anna", other), ("ben", other), ("boss", truth), weights=weights))["dog"]
    np.testing.assert_array_equal(found, truth)


def test_on_a_tie_the_first_annotator_decides() -> None:
    np.testing.assert_array_equal(majority([(1.0, square(2, 2)), (1.0, square(3, 2))]), square(2, 2))


def test_masks_of_several_sizes_have_no_size() -> None:
    assert size_of(said(("anna", square(2, 2)), weights={})) == (16, 16)
    assert size_of(said(("anna", square(2, 2)), ("anna", square(2, 2, size=8)), weights={})) is None


@pytest.mark.parametrize("size", [(600, 800), (800, 600), (20, 30)])
def test_large_masks_are_compared_in_a_small_frame(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.bool_)
    mask[: size[0] // 2] = True
    (found,) = agreed(said(("anna", mask), weights={"anna": 1}))["dog"]
    assert max(found.shape) == min(256, max(size))
    assert abs(found.mean() - 0.5) < 0.01

from itertools import islice

from model.coco_rle import CocoRle
from model.learning.dataset.learning_examples import Curriculum, LearningExample, Opinion
from model.learning.dataset.sampling import MOST, newest_first, sampled
from model.presets import PRESETS
from model.types import Image


def nowhere() -> Image:
    raise AssertionError("a choice needs no pixels")


def example(number: int, *labels: str, size: int = 2) -> LearningExample:
    masks = [CocoRle((size + at * (size - 2), 2), b"") for at in range(len(labels))]
    opinions = tuple(Opinion("anna", label, mask) for label, mask in zip(labels, masks, strict=True))
    return LearningExample(str(number), nowhere, opinions, {"anna": 1.0})


def project(*examples: LearningExample) -> Curriculum:
    return Curriculum(examples, {"dog": ("dog",), "cat": ("cat",)}, {}, "balanced")


def test_the_newest_come_first_and_the_rare_label_is_there() -> None:
    common = [example(number, "dog") for number in range(200)]
    chosen = list(sampled(project(example(-2, "cat"), example(-1), *common)))
    assert {"-2", "-1", "199", "198"} <= {each.picture for each in islice(chosen, 6)}
    assert len({each.picture for each in chosen}) == len(chosen) == 2 * MOST["balanced"]


def test_a_picture_whose_masks_differ_in_size_is_left_out() -> None:
    assert [each.picture for each in newest_first(project(example(1, "dog", "cat", size=3), example(2, "dog")))] == [
        "2"
    ]


def test_every_preset_has_a_number_of_pictures() -> None:
    assert set(MOST) == set(PRESETS)

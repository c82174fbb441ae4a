"""What is remembered of the pictures that are learned from."""

from dataclasses import replace

import numpy as np
import pytest

from model.coco_rle import pack
from model.engine import Engine
from model.learning.dataset.agreement import frame_of, score
from model.learning.dataset.learning_examples import Curriculum, LearningExample, Opinion
from model.learning.fitting import shown_in
from model.learning.lesson_content import NOTHING
from model.learning.replay import SMALL, Memory
from model.learning.search import Study
from model.types import Image, Mask
from tests.model.learning.pictures import curriculum, shape


def test_a_dark_picture_is_replayed_as_the_bright_one_is(engine: Engine) -> None:
    bright = curriculum({"circle": shape("circle")}, 1, side=2 * SMALL)
    dark = replace(bright, examples=tuple(map(darker, bright.examples)))
    wanted, found = (replayed(engine, each) for each in (bright, dark))
    assert len(wanted) > 0
    assert score(wanted, found) > 0.9


def test_the_small_copy_of_a_dark_picture_is_stretched_as_the_whole_is(engine: Engine) -> None:
    project = curriculum({"circle": shape("circle")}, 1, side=2 * SMALL)
    dark = darker(project.examples[0])
    seen = Memory(engine, replace(project, examples=(dark,)), lambda: None).seen(dark)
    assert max(seen.size) == SMALL
    assert seen.stretch == engine.see(dark.image()).stretch is not None
    assert np.ptp(seen.shown) > 200


@pytest.mark.parametrize("size", [(533, 800), (800, 533)])
def test_masks_are_compared_in_the_frame_of_the_whole_picture(engine: Engine, size: tuple[int, int]) -> None:
    """533 x 800 pixels make a frame of 171 rows; by way of the small copy, 341 x 512, they made one of 170."""
    image: Image = np.full((*size, 3), 90, np.uint8)
    mask = np.zeros(size, np.bool_)
    mask[size[0] // 4 : -size[0] // 4, size[1] // 4 : size[1] // 2] = True
    image[mask] = (220, 40, 40)
    example = LearningExample("1", lambda: image, (Opinion("anna", "square", pack(mask)),), {"anna": 1.0})
    project = Curriculum((example,), {"square": ("square",), "star": ("star",)}, {}, "fast")
    study = Study(Memory(engine, project, lambda: None), [example])
    found = study.memory.found(example, "square", NOTHING)
    assert {each.shape for each in found} == {frame_of(size)}
    assert study.score("square", NOTHING, "1") > 0
    for label in project.labels:  # one with a mask, one without
        shown = shown_in(study, label, "1")
        assert shown.wanted.shape == shown.others.shape == frame_of(size)


def darker(example: LearningExample) -> LearningExample:
    image: Image = example.image() // 10
    return replace(example, image=lambda: image)


def replayed(engine: Engine, project: Curriculum) -> tuple[Mask, ...]:
    return Memory(engine, project, lambda: None).found(project.examples[0], "circle", NOTHING)

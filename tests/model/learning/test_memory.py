"""What is remembered of the pictures that are learned from."""

from dataclasses import replace

import numpy as np

from model.engine import Engine
from model.learning.content import NOTHING
from model.learning.examples import Curriculum, Example
from model.learning.memory import SMALL, Memory
from model.learning.scoring import score
from model.values import Image, Mask
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


def darker(example: Example) -> Example:
    image: Image = example.image() // 10
    return replace(example, image=lambda: image)


def replayed(engine: Engine, project: Curriculum) -> tuple[Mask, ...]:
    return Memory(engine, project, lambda: None).found(project.examples[0], "circle", NOTHING)

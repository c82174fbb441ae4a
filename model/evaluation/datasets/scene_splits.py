"""Splits of held-out scenes: easy, hard (objects that share attributes), syntax (attachments and lists), clicks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.embedded import scenes
from model.embedded.scene_language import absent_phrase, matches
from model.embedded.scenes import HELD_OUT, TUNING, Kind, Scene
from model.errors import Misconfigured
from model.evaluation.datasets.examples import Dataset, EvaluationExample, Item, Target
from model.evaluation.datasets.scene_texts import captions, class_map, known, phrases, sentences
from model.evaluation.scenarios.questions import SIZES, truth

Asked = Literal["phrases", "captions", "labels", "clicks"]
TRIES = 100  # seeds kept for each scene of a split; one that fits the split is found within the first ten or so
SKETCH = {256: 32, 240: 30, 320: 40}  # sides at which the objects of a seed are looked at before it is drawn
HARD, SYNTAX, EASY = 100_000, 200_000, 300_000  # added to HELD_OUT or TUNING, so that no two splits share a scene
NOTE = "Each text is asked alone; a phrase means every object that fits all of its words."


@dataclass(frozen=True, slots=True)
class Split:
    """Where a split's seeds start, how many objects it has at most, and which objects may stand together."""

    offset: int
    most: int
    fits: Callable[[Sequence[Kind]], bool]


def distinct(kinds: Sequence[Kind]) -> bool:
    """Whether no two objects share shape or colour."""
    return all(not _alike(one, other) for number, one in enumerate(kinds) for other in kinds[:number])


def confusable(kinds: Sequence[Kind]) -> bool:
    """Whether there are three kinds of objects or more, each alike to another in shape or colour, all of them nameable.

    A red circle beside a striped red circle has no name of its own: people say "the plain one", and no text here does.
    """
    different = list(dict.fromkeys(kinds))
    shared = all(any(_alike(one, other) for other in different if other != one) for one in different)
    named = all(not matches(other, known(one)) for one in different for other in different if other != one)
    return len(different) >= 3 and shared and named


def _alike(one: Kind, other: Kind) -> bool:
    return one.shape == other.shape or one.colour == other.colour


SPLITS = {
    "easy": Split(EASY, 2, distinct),
    "hard": Split(HARD, 5, confusable),
    "syntax": Split(SYNTAX, 5, confusable),
}


def open_scenes(split: str, count: int, asked: Asked = "phrases", tuning: bool = False) -> Dataset:
    """The first `count` scenes of a split, the same ones whenever it is opened.

    Held-out scenes are for reporting, `tuning` ones for choosing constants.
    Raises Misconfigured for a split that is not there.
    """
    if split not in SPLITS:
        raise Misconfigured(f"scenes have no split '{split}': use one of {', '.join(SPLITS)}")
    first = (TUNING if tuning else HELD_OUT) + SPLITS[split].offset

    def load(key: str) -> EvaluationExample:
        scene = drawn(SPLITS[split], first, int(key))
        if asked == "clicks":
            return EvaluationExample(
                key, scene.image, objects=tuple(each.mask for each in scene.objects if each.mask.any())
            )
        if asked == "labels":
            return EvaluationExample(key, scene.image, classes=class_map(np.random.default_rng([scene.seed, 3]), scene))
        return EvaluationExample(key, scene.image, _items(scene, split, asked))

    name = f"scenes {split}" + ("" if asked == "phrases" else f" {asked}") + (" (tuning)" if tuning else "")
    return Dataset(name, tuple(f"{number:04d}" for number in range(count)), load, f"{NOTE} Seeds from {first}.")


def drawn(split: Split, first: int, number: int) -> Scene:
    """Scene `number` of a split: the first of its own hundred seeds whose objects fit."""
    size = SIZES[number % len(SIZES)]
    sketch = SKETCH[size[0]], SKETCH[size[1]]
    for seed in range(first + number * TRIES, first + (number + 1) * TRIES):
        if split.fits([thing.kind for thing in scenes.draw(seed, sketch, split.most).objects]):
            return scenes.draw(seed, size, split.most)
    raise AssertionError(f"none of the {TRIES} seeds of scene {number} fits its split")


def _items(scene: Scene, split: str, asked: Asked) -> tuple[Item, ...]:
    rng = np.random.default_rng([scene.seed, 3])
    if split == "syntax":
        return tuple(sentences(rng, scene))
    if asked == "captions":
        return (captions(rng, scene),)
    absent = " ".join(absent_phrase(rng, [thing.kind for thing in scene.objects]))
    nothing = Target(truth(scene, tuple(absent.split())))
    return (*phrases(rng, scene), Item(f"the {absent}", (nothing,), (), form="absent"))

"""Small curricula of drawn scenes whose truth is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import numpy as np
from scipy import ndimage

from model.coco_rle import pack
from model.embedded import scenes
from model.embedded.scenes import Scene
from model.learning.dataset.learning_examples import Curriculum, LearningExample, Opinion
from model.types import Mask

FIRST = 2_000_000

Meaning = Callable[[Scene], Sequence[Mask]]


@dataclass
class Kept:
    """What a run saves, in memory."""

    steps: dict[str, bytes] = field(default_factory=dict)

    def get(self, step: str) -> bytes | None:
        return self.steps.get(step)

    def put(self, step: str, value: bytes) -> None:
        assert step not in self.steps, "a step is saved once"
        self.steps[step] = value


def shape(name: str, colour: str = "") -> Meaning:
    """The objects of a shape, and of a colour where one is said."""
    return lambda scene: [
        thing.mask
        for thing in scene.objects
        if thing.kind.shape == name and colour in ("", thing.kind.colour) and thing.mask.mean() > 0.004
    ]


def filled(meaning: Meaning) -> Meaning:
    """The same objects without holes."""
    return lambda scene: [np.asarray(ndimage.binary_fill_holes(mask), np.bool_) for mask in meaning(scene)]


def ellipses(scene: Scene) -> list[Mask]:
    """One ellipse anywhere: it has nothing to do with the picture."""
    rng = np.random.default_rng([scene.seed, 7])
    side = scene.image.shape[0]
    y, x = np.mgrid[:side, :side] / side
    (cx, cy), (a, b) = rng.uniform(0.2, 0.8, 2), rng.uniform(0.08, 0.25, 2)
    return [np.asarray(((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 < 1)]


def example(scene: Scene, meant: Mapping[str, Meaning], phrase: str = "") -> LearningExample:
    """A scene as one annotator left it."""
    marks = [(label, mask) for label, meaning in meant.items() for mask in meaning(scene)]
    opinions = tuple(Opinion("anna", label, pack(mask), phrase) for label, mask in marks)
    return LearningExample(str(scene.seed), lambda: scene.image, opinions, {"anna": 1.0})


def curriculum(meant: Mapping[str, Meaning], wanted: int, phrase: str = "", side: int = 128) -> Curriculum:
    """The first scenes with something to mark."""
    drawn = (scenes.draw(seed, side, most=2) for seed in count(FIRST))
    marked = (scene for scene in drawn if any(meaning(scene) for meaning in meant.values()))
    examples = tuple(example(scene, meant, phrase) for scene in islice(marked, wanted))
    return Curriculum(examples, {label: (label,) for label in meant}, {}, "fast")

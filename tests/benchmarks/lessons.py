"""Projects whose truth is known: what their annotators mean by a label, their corrections, and a score for lessons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import cv2
import numpy as np

from backend.inference.apply_lessons import taught
from backend.labelstudio import label_config
from backend.prompting.prompts import pre_annotation
from model.coco_rle import pack
from model.embedded import scenes
from model.embedded.scenes import HELD_OUT, TUNING, Scene, Thing
from model.engine import Engine
from model.learning.dataset.agreement import score
from model.learning.dataset.learning_examples import Curriculum, LearningExample, Opinion
from model.types import Lesson, Mask
from tests.faults.studio import configured

CORRECTED = TUNING + 700_000  # corrections come from seeds that no table is made of and no constant was chosen on
REPORTED = HELD_OUT + 2_000  # and the scores from these
PRESET = "balanced"  # as pre-annotations are made by default
SIDE = 256  # pixels
SKETCH = 64  # side at which the objects of a seed are looked at before it is drawn
LEAST_SHARE = 0.01  # of the picture; a smaller object is mostly covered by others

Means = Callable[[Scene], list[Mask]]


@dataclass(frozen=True, slots=True)
class Story:
    """A project: by label, what its annotators mean by it; `phrase` is what they typed for a mask, if anything."""

    means: Mapping[str, Means]
    phrase: str = ""

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The names that pre-annotation looks for, by label."""
        return {label: (label,) for label in self.means}

    def truth(self, scene: Scene) -> dict[str, list[Mask]]:
        """The masks (H, W) that its annotators leave on a picture, by label."""
        return {label: means(scene) for label, means in self.means.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Held-out pictures of a story, drawn once: `seeds` says which, `truth` holds each one's masks by label."""

    seeds: range
    pictures: tuple[Scene, ...]
    truth: tuple[Mapping[str, list[Mask]], ...]

    def scores(self, engine: Engine, lessons: Mapping[str, Lesson]) -> list[float]:
        """Mean score over the labels of each picture, at its full size, under these lessons."""
        return [
            float(np.mean([score(masks, found[label]) for label, masks in truth.items()]))
            for scene, truth in zip(self.pictures, self.truth, strict=True)
            for found in [answered(engine, scene, tuple(truth), lessons)]
        ]


def shape(name: str, colour: str = "") -> Means:
    """The objects of a shape, and of a colour where one is said."""
    return lambda scene: [thing.mask for thing in scene.objects if _is(thing, name, colour)]


def filled(means: Means) -> Means:
    """The same objects with what they enclose."""
    return lambda scene: [_filled(mask) for mask in means(scene)]


def noise(scene: Scene) -> list[Mask]:
    """A blob that has nothing to do with the picture."""
    rng = np.random.default_rng([scene.seed, 7])
    height, width = scene.image.shape[:2]
    coarse = rng.standard_normal((6, 6)).astype(np.float32)
    bumps = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return [np.asarray(bumps > float(np.quantile(bumps, rng.uniform(0.7, 0.97))))]


def corrections(story: Story, wanted: int, first: int = CORRECTED) -> Curriculum:
    """`wanted` corrections, each on a picture of its own with just one object of the story's labels."""
    scenes = islice(with_objects(story, first, SIDE, most=1), wanted)
    return Curriculum(tuple(_example(story, scene) for scene in scenes), story.labels, {}, PRESET)


def held_out(story: Story, wanted: int) -> Held:
    """`wanted` pictures with objects of the story's labels, the first such ones of the seeds for reporting."""
    found = tuple(islice(with_objects(story, REPORTED, SIDE), wanted))
    return Held(range(REPORTED, found[-1].seed + 1), found, tuple(story.truth(scene) for scene in found))


def with_objects(story: Story, first: int, side: int, most: int = 100) -> Iterator[Scene]:
    """Scenes from a seed on with 1 to `most` objects of the story's labels, all of them well visible."""
    for seed in count(first):
        shares = [mask.mean() for masks in story.truth(scenes.draw(seed, SKETCH)).values() for mask in masks]
        if 1 <= len(shares) <= most and min(shares) >= LEAST_SHARE:
            yield scenes.draw(seed, side)


def answered(
    engine: Engine, scene: Scene, labels: Sequence[str], lessons: Mapping[str, Lesson]
) -> dict[str, list[Mask]]:
    """The masks (H, W) that a pre-annotation of the picture gives, by label."""
    config = label_config.read(configured(labels))
    request = taught(pre_annotation(config), lessons, config)
    segments = engine.segment(scene.image, replace(request.query, preset=PRESET)).segments
    by_label: dict[str, list[Mask]] = {label: [] for label in labels}
    for segment in segments:
        label = None if segment.clause is None else request.clauses[segment.clause].label
        if label is not None and segment.mask.any():
            by_label[label].append(segment.mask)
    return by_label


def _example(story: Story, scene: Scene) -> LearningExample:
    opinions = [
        Opinion("anna", label, pack(mask), story.phrase)
        for label, masks in story.truth(scene).items()
        for mask in masks
    ]
    return LearningExample(str(scene.seed), lambda: scene.image, tuple(opinions), {"anna": 1.0})


def _is(thing: Thing, name: str, colour: str) -> bool:
    return thing.kind.shape == name and colour in ("", thing.kind.colour)


def _filled(mask: Mask) -> Mask:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, cv2.FILLED) > 0)

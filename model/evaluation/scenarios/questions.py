"""Held-out scenes and what is asked of each: phrases that are there, phrases that are not, clicks and boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from model.embedded import scenes
from model.embedded.scene_language import absent_phrase, matches, phrase_of
from model.embedded.scenes import Scene
from model.types import Box, Mask, Point

SIZES = ((256, 256), (256, 256), (240, 320), (320, 240))


@dataclass(frozen=True, slots=True, eq=False)
class AskedPhrase:
    """A phrase about a scene and the pixels (H, W) it means; an empty mask for a phrase about nothing in it."""

    text: str
    truth: Mask

    @property
    def there(self) -> bool:
        """Whether anything in the picture matches."""
        return bool(self.truth.any())


@dataclass(frozen=True, slots=True, eq=False)
class SceneQuestion:
    """A held-out scene with its phrases: one for each object, and two that match nothing."""

    scene: Scene
    phrases: tuple[AskedPhrase, ...]


def questions(first: int, count: int) -> Iterator[SceneQuestion]:
    """Scenes number `first` to `first + count`, in four aspect ratios."""
    for seed in range(first, first + count):
        scene = scenes.draw(seed, SIZES[seed % len(SIZES)])
        rng = np.random.default_rng([seed, 2])
        kinds = [thing.kind for thing in scene.objects]
        there = dict.fromkeys(phrase_of(rng, kind) for kind in kinds)
        absent = dict.fromkeys(absent_phrase(rng, kinds) for _ in range(2))
        phrases = [AskedPhrase(" ".join(words), truth(scene, words)) for words in (*there, *absent)]
        yield SceneQuestion(scene, tuple(phrases))


def truth(scene: Scene, words: tuple[str, ...]) -> Mask:
    """The pixels (H, W) of every object that fits all words."""
    fitting = [thing.mask for thing in scene.objects if matches(thing.kind, words)]
    return np.any(fitting, axis=0) if fitting else np.zeros(scene.image.shape[:2], np.bool_)


def click(mask: Mask) -> Point:
    """The innermost pixel of a mask, where a careful annotator would click."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return Point(float(x) + 0.5, float(y) + 0.5)


def around(mask: Mask) -> Box:
    """The tight box around a mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))

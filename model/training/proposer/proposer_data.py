"""What the proposer learns from: a picture, texts about it, and a mask for every object that a text means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from torch.nn import functional

from model.adapters.proposers.mask2former import normalised
from model.embedded import scenes
from model.embedded.scene_language import PLURALS, absent_phrase, matches, phrase_of
from model.embedded.scenes import Scene
from model.grounding.canvas import to_canvas
from model.types import Image, Mask

MOST_TEXTS = 6
ABSENT = 0.3  # rate of texts that nothing in the picture matches
FIRST_SEED = 30_000_000  # scenes from here on are the proposer's; held-out scenes: scenes.HELD_OUT
SIZES = ((128, 128), (128, 128), (192, 192), (120, 160), (160, 120))
FILLERS = {"merged", "other", "stuff"}  # in COCO's names of stuff: "wall-other-merged"


@dataclass(frozen=True, slots=True, eq=False)
class ProposerExample:
    """A picture (H, W, 3), its texts, and K pairs of a mask and the text it answers: masks (K, H, W), meant (K,).

    A mask that several texts mean comes once for each. Without texts there is one mask for each thing, `meant` is 0.
    """

    image: Image
    texts: tuple[str, ...]
    masks: Mask
    meant: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ProposerBatch:
    """B examples on square canvases: pixels (B, 3, S, S), and per picture its texts, masks (K, S, S) and meant (K,)."""

    pixels: torch.Tensor
    texts: tuple[tuple[str, ...], ...]
    masks: list[torch.Tensor]
    meant: list[torch.Tensor]


class Source(Protocol):
    """Where examples come from; the same generator gives the same example."""

    def example(self, rng: np.random.Generator, with_text: bool) -> ProposerExample: ...


class Scenes:
    """Procedural scenes, drawn as they are asked for."""

    def example(self, rng: np.random.Generator, with_text: bool) -> ProposerExample:
        """A scene nobody has seen, with one to six texts or with none."""
        scene = scenes.draw(FIRST_SEED + int(rng.integers(10_000_000)), SIZES[int(rng.integers(len(SIZES)))])
        if with_text:
            return of_scene(scene, scene_texts(rng, scene))
        masks = np.stack([*(thing.mask for thing in scene.objects), scene.ground_mask])
        return ProposerExample(scene.image, (), masks, np.zeros(len(masks), np.int64))


def of_scene(scene: Scene, texts: Sequence[str]) -> ProposerExample:
    """A scene, and for each text the objects or the ground that it means."""
    pairs = [
        (mask, number)
        for number, text in enumerate(texts)
        for mask in (
            [scene.ground_mask]
            if text == scene.ground
            else [thing.mask for thing in scene.objects if matches(thing.kind, text.split())]
        )
    ]
    masks = np.stack([mask for mask, _ in pairs]) if pairs else np.zeros((0, *scene.image.shape[:2]), np.bool_)
    return ProposerExample(scene.image, tuple(texts), masks, np.array([number for _, number in pairs], np.int64))


def scene_texts(rng: np.random.Generator, scene: Scene) -> tuple[str, ...]:
    """One to six different texts about a scene, some of them about nothing in it."""
    kinds = [thing.kind for thing in scene.objects]
    return tuple(dict.fromkeys(_scene_text(rng, scene, kinds) for _ in range(int(rng.integers(1, MOST_TEXTS + 1)))))


def _scene_text(rng: np.random.Generator, scene: Scene, kinds: Sequence[scenes.Kind]) -> str:
    if rng.random() < ABSENT:
        return " ".join(absent_phrase(rng, kinds))
    if rng.random() < 0.08:
        return scene.ground
    words = phrase_of(rng, kinds[int(rng.integers(len(kinds)))], colour=0.65)
    return " ".join((*words[:-1], PLURALS[words[-1]]) if rng.random() < 0.12 else words)


class Panoptic:
    """A COCO-panoptic-style data set: a JSON file, its masks in the folder of the same stem, and the pictures.

    A mask's PNG holds a segment's id in each pixel as R + 256 G + 65536 B (COCO's panoptic format).
    """

    def __init__(self, path: Path, images: Path) -> None:
        content = json.loads(path.read_text())
        self.images, self.masks = images, path.with_suffix("")
        self.files = {image["id"]: image["file_name"] for image in content["images"]}
        self.names = {category["id"]: spoken(category["name"]) for category in content["categories"]}
        self.annotations = [each for each in content["annotations"] if _segments(each)]

    def example(self, rng: np.random.Generator, with_text: bool) -> ProposerExample:
        """A random picture with the names of classes in it and of others as texts."""
        return self.read(int(rng.integers(len(self.annotations))), rng if with_text else None)

    def read(self, index: int, rng: np.random.Generator | None) -> ProposerExample:
        """Picture number `index`, with texts drawn by `rng` or without any. Crowds are left out."""
        annotation = self.annotations[index]
        image = np.array(Pictures.open(self.images / self.files[annotation["image_id"]]).convert("RGB"))
        ids = segment_ids(np.array(Pictures.open(self.masks / annotation["file_name"]).convert("RGB")))
        found = [(ids == each["id"], self.names[each["category_id"]]) for each in _segments(annotation)]
        texts = () if rng is None else self._texts(rng, [name for _, name in found])
        pairs = [(mask, texts.index(name) if texts else 0) for mask, name in found if not texts or name in texts]
        masks = np.stack([mask for mask, _ in pairs]) if pairs else np.zeros((0, *ids.shape), np.bool_)
        return ProposerExample(image, texts, masks, np.array([number for _, number in pairs], np.int64))

    def _texts(self, rng: np.random.Generator, present: Sequence[str]) -> tuple[str, ...]:
        absent = sorted(set(self.names.values()) - set(present))
        drawn = [
            str(rng.choice(absent if absent and rng.random() < ABSENT else list(present)))
            for _ in range(int(rng.integers(1, MOST_TEXTS + 1)))
        ]
        return tuple(dict.fromkeys(drawn))


def segment_ids(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Segment ids (H, W) of a panoptic PNG (H, W, 3)."""
    return np.asarray(colours.astype(np.int64) @ np.array([1, 256, 256**2]), np.int64)


def spoken(name: str) -> str:
    """A COCO class name as people say it: "wall-other-merged" is a wall, "floor-wood" a floor wood."""
    return " ".join(word for word in name.split("-") if word not in FILLERS)


def _segments(annotation: dict[str, list[dict[str, int]]]) -> list[dict[str, int]]:
    return [segment for segment in annotation["segments_info"] if not segment.get("iscrowd", 0)]


def batch_of(examples: Sequence[ProposerExample], side: int) -> ProposerBatch:
    """Examples squashed to squares of `side` pixels; masks as the share of each pixel that they cover."""
    canvases = np.stack([to_canvas(example.image, side) for example in examples])
    masks = [
        torch.from_numpy(np.stack([_squashed(mask, side) for mask in each.masks]))
        if len(each.masks)
        else torch.zeros(0, side, side)
        for each in examples
    ]
    meant = [torch.from_numpy(example.meant) for example in examples]
    return ProposerBatch(normalised(canvases), tuple(example.texts for example in examples), masks, meant)


def shown(batch: ProposerBatch, most: int, grid: tuple[int, int]) -> torch.Tensor:
    """The share of each cell (B, most, h, w) that the objects of each text cover."""
    covers = torch.zeros(len(batch.masks), most, *batch.pixels.shape[2:])
    for cover, masks, meant in zip(covers, batch.masks, batch.meant, strict=True):
        for mask, text in zip(masks, meant, strict=True):
            cover[text] = torch.maximum(cover[text], mask)
    return functional.adaptive_avg_pool2d(covers, grid)


def _squashed(mask: Mask, side: int) -> NDArray[np.float32]:
    picture = Pictures.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize((side, side), Pictures.Resampling.BOX), np.float32) / np.float32(255)

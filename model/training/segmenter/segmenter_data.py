"""What the embedded segmenter learns from: pictures of both worlds, cut to many aspects, with masks to ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from model.embedded import scenes
from model.training.segmenter import generated_pictures
from model.types import Image, Mask

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
SCENES = 0.4  # share of shape scenes among the pictures


@dataclass(frozen=True, slots=True, eq=False)
class SegmenterBatch:
    """pixels (B, 3, S, S) normalised and padded; masks (B, K, h, w) bool and covers (B, K, h, w) 0..1, low-res.

    cells (B, N): for some cells of the encoder's grid, the same ones in every picture and given by `places` (N,),
    the number of the piece that they lie on.
    """

    pixels: torch.Tensor
    masks: NDArray[np.bool_]
    covers: torch.Tensor
    places: torch.Tensor
    cells: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class SegmenterSample:
    """A picture (S, S, 3), the masks (S, S) that may be asked for, and the number of the piece in each pixel (S, S)."""

    image: Image
    masks: list[Mask]
    labels: NDArray[np.int32]


def sample(seed: int, side: int) -> SegmenterSample:
    """The training picture of this seed: four in ten are scenes, half of them photographed, the others pictures."""
    rng = np.random.default_rng([seed, 2])
    if not shows_shapes(rng):
        picture = generated_pictures.draw(seed, side)
        return SegmenterSample(
            picture.image, [picture.mask(index) for index in range(len(picture.objects))], picture.labels
        )
    scene = scenes.draw(seed, side)
    masks = [thing.mask for thing in scene.objects]
    labels = np.asarray(sum(mask * (number + 1) for number, mask in enumerate(masks)), np.int32)
    masks += [scene.ground_mask] if rng.random() < 0.15 else []
    image = scene.image
    if rng.random() < 0.5:
        image = generated_pictures.photograph(rng, np.asarray(image / 255, np.float32))
    return SegmenterSample(image, masks, labels)


def shows_shapes(rng: np.random.Generator) -> bool:
    """Whether a seed's picture is a shape scene; the first number that its generator gives says so."""
    return bool(rng.random() >= 1 - SCENES)


def collate(seeds: range, side: int, objects: int) -> SegmenterBatch:
    """Draw the pictures of these seeds, cut some to other aspects, and choose `objects` masks in each."""
    pixels, masks, labels = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 3])
        drawn, seen = sample(seed, side), window(rng, side)
        usable = [mask & seen for mask in drawn.masks if (mask & seen).sum() > 0.001 * mask.size] or [seen]
        order = rng.permutation(len(usable))
        masks.append([usable[order[index % len(order)]] for index in range(objects)])
        pixels.append((drawn.image.astype(np.float32) / 255 - MEAN) / STD * seen[..., None])
        labels.append(np.where(seen, drawn.labels, -1)[4::8, 4::8].ravel())
    full = torch.from_numpy(np.stack([np.stack(each) for each in masks]))
    covers = F.avg_pool2d(full.float(), 2)
    low = (covers >= torch.clamp(covers.amax(dim=(2, 3), keepdim=True), max=0.5)).numpy()
    places = torch.from_numpy(np.random.default_rng(seeds[0]).permutation(labels[0].size)[:256])
    image = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
    return SegmenterBatch(image, low, covers, places, torch.from_numpy(np.stack(labels))[:, places])


def window(rng: np.random.Generator, side: int) -> Mask:
    """Where the padded square (S, S) shows the picture: all of it, or its top or left part, as with other aspects."""
    seen = np.ones((side, side), np.bool_)
    if rng.random() < 0.3:
        cut = int(side * rng.uniform(0.45, 0.95))
        seen[(np.s_[cut:], np.s_[:, cut:])[int(rng.integers(2))]] = False
    return seen

"""Regions without any prompt: DiffSeg's merging of self-attention, its regions refined by Ent-Self (iSeg)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.engine import Engine
from model.grounding.canvas import lattice, strongest
from model.grounding.phrase_maps import brightest
from model.methods.iseg import refine
from model.methods.symmetric_kl import symmetric_kl_between
from model.text.prompt_text import Wording
from model.types import Image, Query


@dataclass(frozen=True, slots=True)
class MergingConfig:
    """DiffSeg's constants (section 3 of its paper)."""

    anchors: int = 16  # on a side of the grid
    threshold: float = 1.0  # divergence below which two maps show the same region
    rounds: int = 3  # the first among all cells, the others among regions


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """maps (R, g, g), each with maximum 1, and labels (H, W): which of them each pixel belongs to, 0 to R - 1."""

    maps: NDArray[np.float32]
    labels: NDArray[np.int32]


MERGING = MergingConfig()


def regions(engine: Engine, image: Image, config: MergingConfig = MERGING) -> Regions:
    """Part an image (H, W, 3) into regions, at least one. Raises BadImage and OutOfMemory.

    Merged are the coherent heads' rows: with all heads alike every row is so broad that at DiffSeg's threshold one
    region swallows the picture (ours; DiffSeg averages all heads of Stable Diffusion, over four resolutions).
    """
    return engine.within_memory(lambda engine: _regions(engine, image, config))


def _regions(engine: Engine, image: Image, config: MergingConfig) -> Regions:
    engine.words(image, Query())
    seen = engine.see(image)
    attention = engine.attend(seen, Wording(engine.models.backbone.tokenize(""), ()))
    initial = merge(attention.among, config)
    refined = brightest(refine(initial, attention.broad, attention.among, engine.config.refine).scores)
    return parted(refined, seen.size)


def merge(attention: torch.Tensor, config: MergingConfig) -> torch.Tensor:
    """Regions (R, g, g), each with sum 1, from self-attention (g*g, g*g) with rows that sum to 1.

    Anchors on a grid take in all cells that attend alike; then each round goes through the regions in order and
    joins to each all later ones that are near. Regions that are nowhere the greatest are dropped.
    """
    grid = int(attention.shape[0] ** 0.5)
    attention = attention.float()
    near = symmetric_kl_between(attention[lattice(grid, config.anchors).to(attention.device)], attention)
    alike = (near < config.threshold).float()
    maps = alike @ attention / alike.sum(1, keepdim=True)
    for _ in range(config.rounds - 1):
        maps = joined(maps, config.threshold)
    return maps[maps.argmax(0).unique()].reshape(-1, grid, grid)


def joined(maps: torch.Tensor, threshold: float) -> torch.Tensor:
    """One round of merging: the first of maps (R, n) and all that are nearer to it than a threshold become their mean,
    then the first of those that are left, until none is left.
    """
    found = []
    while len(maps):
        near = symmetric_kl_between(maps[:1], maps)[0] < threshold
        near[0] = True
        found.append(maps[near].mean(0))
        maps = maps[~near]
    return torch.stack(found)


def parted(maps: torch.Tensor, size: tuple[int, int]) -> Regions:
    """Each pixel's greatest map (DiffSeg's non-maximum suppression), without the maps that are greatest nowhere."""
    winners = strongest(maps, size)[0]
    kept, labels = np.unique(winners, return_inverse=True)
    return Regions(maps[kept].cpu().numpy(), labels.reshape(size).astype(np.int32))

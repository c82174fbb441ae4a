"""How far attention to a phrase is from accepted masks: what a fit of its words' token embeddings lowers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch.nn import functional

from model.grounding.features import Features
from model.grounding.phrase_maps import bind
from model.methods.iseg import spread
from model.methods.segment_anyword.inversion import draw
from model.text.prompt_text import Wording
from model.types import Attention, Mask

LEAST = 1e-12  # attention below this counts as this much: words that nothing attends to yet need a slope, too
JUDGED = 8  # pictures at most that say whether a fit helped, and what presence to ask for; ours


@dataclass(frozen=True, slots=True, eq=False)
class AcceptedPicture:
    """A picture as annotators left it: latents (1, c, s, s), and masks (H, W) over the whole of it, at any size.

    wanted: all objects of the label, nothing where it is absent. others: the objects of the other labels.
    """

    latents: torch.Tensor
    wanted: Mask
    others: Mask


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Constants of a fit: ours, from a sweep on the embedded models."""

    steps: int = 60
    batch: int = 2  # pictures in one step
    rate: float = 0.05  # of AdamW, in root mean squares of the embeddings it starts from; falls to a tenth
    objects: float = 2.0  # how much more a cell with any label's object weighs than one that nobody marked
    mass: float = 0.1  # weight of the share of a word's attention that lies off the masks
    refined: float = 0.4  # weight of the refined map's mean squared distance from the masks (SLiMe: 1)
    denoising: float = 0.005  # weight of the denoising loss (SLiMe)
    presence: float = 0.35  # the presence to ask for, as a share of the mean evidence inside accepted masks


def denoising_loss(sight: Features, latents: torch.Tensor, embeddings: torch.Tensor, step: int) -> torch.Tensor:
    """Segment Anyword's objective (eq. 2) on one draw of timestep and noise."""
    backbone = sight.models.backbone
    noisy, noise, timesteps = draw(backbone, latents, replace(sight.config.inversion, batch=1), step)
    return functional.mse_loss(backbone.denoise(noisy, timesteps, embeddings), noise)


def attention_loss(
    sight: Features, attention: Attention, wording: Wording, picture: AcceptedPicture, config: FitConfig
) -> torch.Tensor:
    """How far a phrase's attention is from one picture's masks: the resolutions as they are weighed, and refined."""
    weights, sought = sight.config.attention.resolution_weights, wording.sought[0]
    levels = zip(attention.cross, weights, strict=True)
    total = sum(weight * level_loss(level, sought.words, picture, config) for level, weight in levels if weight)
    assert isinstance(total, torch.Tensor), "one resolution at least is read"
    if not picture.wanted.any():
        return total
    maps = spread(bind(attention, wording.sought, sight.config.attention).flatten(1), attention.among.detach())
    refined = maps / maps.amax(1, keepdim=True).clamp(min=LEAST)
    grid = int(attention.among.shape[0] ** 0.5)
    return total + config.refined * functional.mse_loss(refined.reshape(grid, grid), cells(picture.wanted, grid, maps))


def level_loss(
    level: torch.Tensor, words: Sequence[tuple[int, ...]], picture: AcceptedPicture, config: FitConfig
) -> torch.Tensor:
    """Mean over words of two terms on raw attention (L, h, h) at one resolution.

    Binary cross-entropy: inside the masks the phrase's words share all of a cell's attention evenly, elsewhere they
    have none; that is what presence is measured by. Grounding: minus log of the share of a token's attention that lies
    inside the masks, as the embedded backbone was trained with.
    """
    wanted, others = (cells(mask, level.shape[1], level) for mask in (picture.wanted, picture.others))
    importance = 1 + config.objects * (wanted + others)
    total = level.new_zeros(())
    for pieces in words:
        maps = level[list(pieces)]
        claimed = (maps.sum(0) * len(words)).clamp(LEAST, 1 - 1e-6)
        total = total + functional.binary_cross_entropy(claimed, wanted, importance)
        if picture.wanted.any():
            share = (maps * wanted).sum((1, 2)) / maps.sum((1, 2)).clamp(min=LEAST)
            total = total - config.mass * share.clamp(min=LEAST).log().mean()
    return total / len(words)


def cells(mask: Mask, side: int, like: torch.Tensor) -> torch.Tensor:
    """The share (side, side) of each cell that a mask (H, W) covers."""
    return torch.from_numpy(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)).to(like)


def judged(sight: Features, wording: Wording, inputs: torch.Tensor, pictures: Iterable[AcceptedPicture]) -> float:
    """The mean loss of some pictures under token embeddings (L, d), no number where those are none."""
    embeddings = sight.enhanced(sight.models.backbone.embed(wording.tokens, inputs), wording)
    if not embeddings.isfinite().all():
        return math.nan
    losses = []
    for picture in pictures:
        (attention,) = sight.models.backbone.attend(picture.latents, embeddings[None])
        losses.append(float(attention_loss(sight, attention, wording, picture, FitConfig())))
    return float(np.mean(losses))

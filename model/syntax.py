"""Bind attention to phrases: a noun together with its modifiers. Segment Anyword's rules R1 and R2 come on top."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.canvas import resize_maps
from model.config import AttentionConfig
from model.refine import normalised
from model.values import Attention
from model.wording import Sought


def bind(attention: Attention, sought: Sequence[Sought], config: AttentionConfig) -> torch.Tensor:
    """Score maps (P, g, g) with sum 1: the noun's map with a share of its modifiers' (share and mean are ours).

    Token maps are joined over resolutions as in iSeg (process_cross_att): each divided by its spatial sum, brought
    to the grid, weighted.
    """
    grid = int(attention.among.shape[0] ** 0.5)
    maps = _joined(attention, grid, config)
    return torch.stack([_phrase_map(maps, each, config.modifier_weight) for each in sought])


def _joined(attention: Attention, grid: int, config: AttentionConfig) -> torch.Tensor:
    joined = torch.zeros(len(attention.cross[0]), grid, grid, device=attention.among.device)
    for level, weight in zip(attention.cross, config.resolution_weights, strict=True):
        share = level / level.sum((1, 2), keepdim=True).clamp(min=1e-12)
        joined += weight * resize_maps(share, (grid, grid)) * share[0].numel() / grid**2
    return joined


def _phrase_map(maps: torch.Tensor, sought: Sought, modifier_weight: float) -> torch.Tensor:
    noun = maps[list(sought.noun)].mean(0)
    if not sought.modifiers:
        return noun
    modifiers = torch.stack([maps[list(pieces)].mean(0) for pieces in sought.modifiers])
    return (1 - modifier_weight) * noun + modifier_weight * modifiers.mean(0)


def evidence(attention: Attention, sought: Sought) -> torch.Tensor:
    """How strongly each cell (g, g) attends to a phrase's least attended word, in 0..1 (ours).

    A word's tokens and the two resolutions are averaged. Words of one phrase share a cell's attention, so the least
    is taken times the number of words. The maps are not normalised over space: a word about nothing in the picture
    gets little attention everywhere, and its normalised map would not show it.
    """
    grid = int(attention.among.shape[0] ** 0.5)
    words = [torch.stack([level[list(pieces)].mean(0) for pieces in sought.words]) for level in attention.cross]
    least = torch.stack([resize_maps(level, (grid, grid)) for level in words]).mean(0).amin(0)
    return (least * len(sought.words)).clamp(max=1)


def brightest(scores: torch.Tensor) -> torch.Tensor:
    """Scores (P, g, g) less their minimum, with maximum 1 (0 where a map is flat)."""
    flat = normalised(scores.flatten(1))
    return (flat / flat.amax(1, keepdim=True).clamp(min=1e-12)).reshape(scores.shape)

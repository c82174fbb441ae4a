"""Bind attention to phrases: a noun together with its modifiers. Segment Anyword's R1 and R2: syntax_points.py."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.config import AttentionConfig
from model.grounding.canvas import resize_maps
from model.methods.iseg import normalised
from model.methods.superpixels import pooled
from model.text.prompt_text import Sought
from model.types import Attention


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
    return pooled(joined, config.pooling) if config.pooling else joined


def _phrase_map(maps: torch.Tensor, sought: Sought, modifier_weight: float) -> torch.Tensor:
    noun = maps[list(sought.noun)].mean(0)
    if not sought.modifiers:
        return noun
    modifiers = torch.stack([maps[list(pieces)].mean(0) for pieces in sought.modifiers])
    return (1 - modifier_weight) * noun + modifier_weight * modifiers.mean(0)


def word_maps(
    attention: Attention, sought: Sequence[Sought], config: AttentionConfig, attached: bool
) -> tuple[torch.Tensor, ...]:
    """For each phrase the maps (W, g, g) of its words, each with sum 1: the noun, its modifiers, what describes it.

    The mean of a word's tokens stands for the word. `attached`: words of phrases that only describe a phrase ("in a
    blue sweatshirt") follow its own, as in Segment Anyword, figure 6.
    """
    maps = _joined(attention, int(attention.among.shape[0] ** 0.5), config)
    words = [(*each.words, *(each.attached if attached else ())) for each in sought]
    return tuple(torch.stack([maps[list(pieces)].mean(0) for pieces in each]) for each in words)


def evidence(attention: Attention, sought: Sought, config: AttentionConfig) -> torch.Tensor:
    """How strongly each cell (g, g) attends to a phrase's least attended word, in 0..1 (ours).

    A word's tokens are averaged, the two resolutions weighted as for its map. Words of one phrase share a cell's
    attention, so the least is taken times the number of words. The maps are not normalised over space: a word about
    nothing in the picture gets little attention everywhere, and its normalised map would not show it.
    """
    grid = int(attention.among.shape[0] ** 0.5)
    words = torch.zeros(len(sought.words), grid, grid, device=attention.among.device)
    for level, weight in zip(attention.cross, config.resolution_weights, strict=True):
        levels = torch.stack([level[list(pieces)].mean(0) for pieces in sought.words])
        words += weight / sum(config.resolution_weights) * resize_maps(levels, (grid, grid))
    return (words.amin(0) * len(sought.words)).clamp(max=1)


def brightest(scores: torch.Tensor) -> torch.Tensor:
    """Scores (P, g, g) less their minimum, with maximum 1 (0 where a map is flat)."""
    flat = normalised(scores.flatten(1))
    return (flat / flat.amax(1, keepdim=True).clamp(min=1e-12)).reshape(scores.shape)

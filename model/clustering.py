"""Test-time prompt inversion by clustering: contrastive soft clustering and entropy minimisation (InvSeg, figure 2).

InvSeg's code and numbers were never published. The losses' forms are reconstructed from its figure and abstract;
the softmax over distances, the normalisations and all constants are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.alignment import pieces_of
from model.config import EngineConfig, InversionConfig
from model.divergence import symmetric_kl
from model.inversion import DIVERGED, GiveWay, Inverted
from model.ports import Backbone
from model.refine import spread
from model.syntax import bind
from model.values import Attention
from model.wording import Sought


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What is clustered: a picture's latents and those of its mirror image (1, c, s, s each), and the classes.

    `classes`: the phrases, and "background" as the last one.
    """

    latents: torch.Tensor
    mirrored: torch.Tensor
    classes: tuple[Sought, ...]


def cluster(backbone: Backbone, views: Views, start: torch.Tensor, config: EngineConfig, give_way: GiveWay) -> Inverted:
    """Fit the class words' text-encoder outputs so that classes are compact, apart, and decided.

    start: text-encoder outputs (L, d). Only the classes' rows are learned; the rate is a share of their root mean
    square. The best loss seen is kept (ours): nothing worse than the start comes back.
    """
    inversion = config.inversion
    rows = torch.tensor(pieces_of(each.words for each in views.classes), device=start.device)
    learned = start[rows].float().clone().requires_grad_()
    optimiser = torch.optim.AdamW([learned], lr=inversion.rate * float(learned.detach().square().mean().sqrt()))
    distances, best, least = None, start, torch.inf
    for step in range(inversion.steps + 1):
        give_way()
        last = step == inversion.steps  # nobody asks for its gradient
        embeddings = start.float().index_copy(0, rows, learned.detach() if last else learned)
        seen = backbone.attend(views.latents, embeddings)
        distances = apart(seen) if distances is None else distances
        chances = chances_of(seen, views.classes, config)
        loss = inversion.cluster_weight * cluster_loss(chances, distances, inversion)
        if inversion.entropy_weight:
            mirrored = chances_of(backbone.attend(views.mirrored, embeddings), views.classes, config).flip(2)
            loss = loss + inversion.entropy_weight * entropy((chances + mirrored) / 2)
        if not torch.isfinite(loss):
            return Inverted(start, 0, DIVERGED)
        if loss.item() < least:
            best, least = embeddings.detach(), loss.item()
        if last:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Inverted(best, inversion.steps)


def chances_of(seen: Attention, classes: Sequence[Sought], config: EngineConfig) -> torch.Tensor:
    """How likely each cell shows each class, (K, g, g) with sum 1 over classes: refined maps, each with maximum 1.

    Self-attention is held fixed, so that no loss can be lowered by bending the picture's geometry.
    """
    maps = bind(seen, classes, config.attention)
    refined = spread(maps.flatten(1), seen.broad.detach())
    peaks = refined / refined.amax(1, keepdim=True).clamp(min=1e-12)
    return ((peaks + 1e-6) / (peaks + 1e-6).sum(0)).reshape(maps.shape)


@torch.no_grad()
def apart(seen: Attention) -> torch.Tensor:
    """How differently two cells attend, (n, n) in 0..1: symmetric Kullback-Leibler divergence over its maximum."""
    distances = symmetric_kl(seen.among.detach())
    return distances / distances.max().clamp(min=1e-12)


def cluster_loss(chances: torch.Tensor, distances: torch.Tensor, config: InversionConfig) -> torch.Tensor:
    """Contrastive soft clustering: each class's anchors are near their own class and far from every other.

    chances: (K, g, g); distances: (n, n). Anchors are the cells above a share of their class's maximum, weighted by
    their chance. An anchor's distance to a class is the mean of its distances weighted by the class's chances.
    """
    flat = chances.flatten(1)
    anchors = flat * (flat > config.anchor_threshold * flat.amax(1, keepdim=True))
    to_classes = distances @ (flat / flat.sum(1, keepdim=True)).T  # (n, K)
    own = -torch.log_softmax(-to_classes / config.cluster_temperature, dim=1).T
    return ((anchors * own).sum(1) / anchors.sum(1)).mean()


def entropy(chances: torch.Tensor) -> torch.Tensor:
    """Mean entropy of the cells' class distributions (K, g, g), as a share of the greatest possible, 0..1."""
    flat = chances.flatten(1)
    return -(flat * flat.log()).sum(0).mean() / math.log(max(len(flat), 2))

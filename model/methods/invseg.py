"""Test-time prompt inversion by clustering: contrastive soft clustering and entropy minimisation (InvSeg, figure 2).

InvSeg's code and numbers were never published. The losses' forms are reconstructed from its figure and abstract;
the softmax over distances, the normalisations and all constants are ours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.config import EngineConfig, InversionConfig
from model.grounding.phrase_maps import bind
from model.methods.iseg import spread
from model.methods.segment_anyword.inversion import DIVERGED, GiveWay, Inverted, pausing
from model.methods.symmetric_kl import symmetric_kl
from model.protocols import Backbone
from model.text.prompt_text import Sought
from model.text.token_spans import pieces_of
from model.types import Attention


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What is clustered: a picture's latents and those of its mirror image (1, c, s, s each), and the classes.

    `classes`: the phrases, and "background" as the last one. start: text-encoder outputs (L, d).
    """

    latents: torch.Tensor
    mirrored: torch.Tensor
    classes: tuple[Sought, ...]
    start: torch.Tensor


class Fit:
    """One picture's class words on their way. Only their rows are learned; the rate is a share of their own size."""

    def __init__(self, views: Views, rate: float) -> None:
        start = views.start
        self.views = views
        self.rows = torch.tensor(pieces_of(each.words for each in views.classes), device=start.device)
        self.learned = start[self.rows].float().clone().requires_grad_()
        self.group = {"params": [self.learned], "lr": rate * float(self.learned.detach().square().mean().sqrt())}
        self.distances: torch.Tensor | None = None
        self.best, self.least, self.steps = start, torch.inf, 0
        self.warning: str | None = None

    def embeddings(self, last: bool) -> torch.Tensor:
        """Text-encoder outputs (L, d) as they are now; nobody asks for the gradient of the last ones."""
        learned = self.learned.detach() if last else self.learned
        return self.views.start.float().index_copy(0, self.rows, learned)

    def loss(self, seen: Attention, mirrored: Attention | None, config: EngineConfig) -> torch.Tensor:
        """How far the classes are from compact, apart and decided."""
        inversion, classes = config.inversion, self.views.classes
        self.distances = apart(seen) if self.distances is None else self.distances
        chances = chances_of(seen, classes, config)
        loss = inversion.cluster_weight * cluster_loss(chances, self.distances, inversion)
        if mirrored is None:
            return loss
        return loss + inversion.entropy_weight * entropy((chances + chances_of(mirrored, classes, config).flip(2)) / 2)

    def judge(self, loss: float, embeddings: torch.Tensor, step: int) -> None:
        """Keep the best that was seen (ours): nothing worse than the start comes back, nor a loss that is none."""
        if not math.isfinite(loss):
            self.best, self.steps, self.warning = self.views.start, 0, DIVERGED
            return
        self.steps = step
        if loss < self.least:
            self.best, self.least = embeddings.detach(), loss


def cluster(backbone: Backbone, pictures: Sequence[Views], config: EngineConfig, give_way: GiveWay) -> list[Inverted]:
    """Fit the class words' text-encoder outputs so that classes are compact, apart, and decided.

    Several pictures share the passes, and nothing else: the sum of their losses has each one's own gradient.
    """
    inversion = config.inversion
    fits = [Fit(each, inversion.rate) for each in pictures]
    optimiser = torch.optim.AdamW([fit.group for fit in fits])
    for step in range(inversion.steps + 1):
        going, last = [fit for fit in fits if fit.warning is None], step == inversion.steps
        embeddings = [fit.embeddings(last) for fit in going]
        losses = looked(backbone, going, embeddings, config, give_way)
        for fit, found, loss in zip(going, embeddings, losses, strict=True):
            fit.judge(loss.item(), found, step)
        wanted = [loss for fit, loss in zip(going, losses, strict=True) if fit.warning is None]
        if last or not wanted:
            break
        give_way()
        optimiser.zero_grad()
        torch.stack(wanted).sum().backward()
        optimiser.step()
    return [Inverted(fit.best, fit.steps, fit.warning) for fit in fits]


def looked(
    backbone: Backbone, fits: Sequence[Fit], embeddings: Sequence[torch.Tensor], config: EngineConfig, give_way: GiveWay
) -> list[torch.Tensor]:
    """The loss of each picture under its text: pictures and their mirror images share passes."""
    sides = [fit.views.latents for fit in fits]
    if config.inversion.entropy_weight:
        sides += [fit.views.mirrored for fit in fits]
    texts, at_once = torch.stack([*embeddings] * (len(sides) // len(fits))), backbone.passes_at_once
    groups = zip(torch.cat(sides).split(at_once), texts.split(at_once), strict=True)
    seen = [attention for group in pausing(groups, give_way) for attention in backbone.attend(*group)]
    pairs = itertools.zip_longest(seen[: len(fits)], seen[len(fits) :])
    return [fit.loss(plain, mirrored, config) for fit, (plain, mirrored) in zip(fits, pairs, strict=True)]


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

"""Prompt inversion by the denoising loss, and DDIM inversion of the picture (Segment Anyword, section 2.1)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch.nn import functional

from model.config import InversionConfig
from model.protocols import Backbone
from model.text.token_spans import pieces_of
from model.types import Attention, Tokens

SEED = 1101
LOSS_SCALE = 1024.0  # keeps half-precision gradients from vanishing; AdamW does not see it
WORSE = 1.002  # a loss above this times its start has diverged (ours: a text that says nothing costs 1.004)
JUDGED_DRAWS = 8  # a few draws alone would let chance decide; ours
LOOK_EVERY = 4  # steps between two looks at the maps; a look costs a small part of a step
DIVERGED = "The prompt inversion diverged; the text was used as it stands"

T = TypeVar("T")
GiveWay = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """Text-encoder outputs (L, d) after inversion, steps taken, and what went wrong, if anything did."""

    embeddings: torch.Tensor
    steps: int = 0
    warning: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is inverted: the picture's latents (1, c, s, s), its text, and the tokens of each noun's phrase.

    `phrases`: for each phrase the tokens of its noun, then those of each modifier. inputs: the token embeddings (L, d)
    to begin with; None: the text encoder's own.
    """

    latents: torch.Tensor
    tokens: Tokens
    phrases: tuple[tuple[tuple[int, ...], ...], ...]
    inputs: torch.Tensor | None = None

    @property
    def learned(self) -> tuple[int, ...]:
        """The tokens whose embeddings are learned: nouns and their modifiers."""
        return pieces_of(self.phrases)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Noised latents (B, c, s, s), their noise, and their timesteps (B,)."""

    noisy: torch.Tensor
    noise: torch.Tensor
    timesteps: torch.Tensor


def invert(backbone: Backbone, subject: Subject, config: InversionConfig, give_way: GiveWay) -> Inverted:
    """Fit the token embeddings of nouns and modifiers so that the model denoises this picture best (eq. 2).

    Everything else stays frozen. The rate is a share of the embeddings' own root mean square, so that it means the
    same for every text encoder; steps end when the nouns' maps have settled (both ours). A fit that ends worse than
    it began is thrown away.
    """
    start = (backbone.inputs(subject.tokens) if subject.inputs is None else subject.inputs).float()
    rows = torch.tensor(subject.learned, device=start.device)
    learned = start[rows].clone().requires_grad_()
    optimiser = torch.optim.AdamW([learned], lr=config.rate * float(learned.detach().square().mean().sqrt()))
    watched, step = Watched(backbone, subject, config), 0
    while step < config.steps:
        embeddings = backbone.embed(subject.tokens, put(start, rows, learned))
        if watched.settled(step, embeddings):
            break
        optimiser.zero_grad()
        drawn = pausing(draws(backbone, subject, config, step), give_way)
        embeddings.backward(slope(backbone, subject, embeddings, config, drawn))
        optimiser.step()
        step += 1
    return watched.verdict(backbone.embed(subject.tokens, put(start, rows, learned.detach())), step)


def pausing(each: Iterable[T], give_way: GiveWay) -> Iterator[T]:
    """The same items, with `give_way` called before each."""
    for item in each:
        give_way()
        yield item


def put(start: torch.Tensor, rows: torch.Tensor, learned: torch.Tensor) -> torch.Tensor:
    """Embeddings (L, d) with some rows replaced."""
    return start.index_copy(0, rows, learned)


def slope(
    backbone: Backbone, subject: Subject, embeddings: torch.Tensor, config: InversionConfig, drawn: Iterable[Draws]
) -> torch.Tensor:
    """The gradient (L, d) of eq. 2 in text-encoder outputs, and of the contrastive term where it is asked for.

    The text encoder has no part in it: it is run, and gone back through, once for all draws.
    """
    outputs = embeddings.detach().requires_grad_()
    for each in drawn:
        loss = functional.mse_loss(backbone.denoise(each.noisy, each.timesteps, outputs), each.noise)
        (loss * len(each.noise) / config.batch * LOSS_SCALE).backward()
    if config.contrast:
        pushed = contrast(outputs, subject.phrases, config.temperature)
        (config.contrast * pushed * LOSS_SCALE).backward()
    assert outputs.grad is not None, "a step has at least one draw"
    return outputs.grad


class Watched:
    """Watches one inversion: whether its maps still move, and whether its loss came down in the end."""

    def __init__(self, backbone: Backbone, subject: Subject, config: InversionConfig) -> None:
        self.backbone, self.subject, self.config = backbone, subject, config
        self.start = backbone.embed(subject.tokens, subject.inputs)
        self.before = self._loss(self.start)
        self.maps: torch.Tensor | None = None

    def settled(self, step: int, embeddings: torch.Tensor) -> bool:
        """Whether the nouns' maps moved less than `still` of their mass since they were looked at last."""
        if step % LOOK_EVERY:
            return False
        maps, last = self._maps(embeddings.detach()), self.maps
        self.maps = maps
        return last is not None and float((maps - last).abs().sum(1).max()) / 2 < self.config.still

    def verdict(self, found: torch.Tensor, steps: int) -> Inverted:
        """What was found, or the start with a warning where the loss went up or is no number."""
        if self._loss(found) < WORSE * self.before:
            return Inverted(found, steps)
        return Inverted(self.start, steps, DIVERGED)

    def _loss(self, embeddings: torch.Tensor) -> float:
        """The denoising loss on draws that no step sees."""
        judged, total = replace(self.config, batch=JUDGED_DRAWS), 0.0
        for each in draws(self.backbone, self.subject, judged, -1):
            seen = self.backbone.denoise(each.noisy, each.timesteps, embeddings)
            total += float(functional.mse_loss(seen, each.noise)) * len(each.noise) / JUDGED_DRAWS
        return total

    def _maps(self, embeddings: torch.Tensor) -> torch.Tensor:
        """The nouns' maps (P, n) at the finer resolution, each with sum 1."""
        finer = self.backbone.glance(self.subject.latents, embeddings[None])[0][-1].flatten(1)
        maps = torch.stack([finer[list(words[0])].mean(0) for words in self.subject.phrases])
        return maps / maps.sum(1, keepdim=True).clamp(min=1e-12)


def draws(backbone: Backbone, subject: Subject, config: InversionConfig, step: int) -> Iterator[Draws]:
    """One step's draws, as many at once as the backbone takes."""
    parts = (each.split(backbone.passes_at_once) for each in draw(backbone, subject.latents, config, step))
    return itertools.starmap(Draws, zip(*parts, strict=True))


def draw(
    backbone: Backbone, latents: torch.Tensor, config: InversionConfig, step: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noised latents (B, c, s, s), their noise, and their timesteps (B,): the same for the same step.

    Timesteps are spread evenly over the range, each at random within its share (ours: less variance than B free ones).
    """
    generator = torch.Generator().manual_seed(SEED + step)
    low, high = config.timesteps
    shares = (torch.arange(config.batch) + torch.rand(config.batch, generator=generator)) / config.batch
    timesteps = (low + shares * (high - low)).long()
    noise = torch.randn((config.batch, *latents.shape[1:]), generator=generator).to(latents.device)
    kept = backbone.alphas[timesteps][:, None, None, None].to(noise)
    return kept.sqrt() * latents.float() + (1 - kept).sqrt() * noise, noise, timesteps


def contrast(embeddings: torch.Tensor, phrases: Sequence[Sequence[Sequence[int]]], temperature: float) -> torch.Tensor:
    """InfoNCE over nouns (Segment Anyword's tau and gamma; the form is Multi-Concept Prompt Learning's).

    Rows are the encoder outputs of every word; a noun's modifiers are its positives, all other phrases' words are
    negatives. Without modifiers a noun is its own positive, and the term only pushes nouns apart.
    """
    words = [embeddings[list(word)].mean(0) for phrase in phrases for word in phrase]
    owners = torch.tensor([number for number, phrase in enumerate(phrases) for _ in phrase], device=embeddings.device)
    rows = functional.normalize(torch.stack(words), dim=1)
    alike = rows @ rows.T / temperature
    same = owners[:, None] == owners[None]
    return (alike.logsumexp(1) - alike.masked_fill(~same, -torch.inf).logsumexp(1)).mean()


def trace(
    backbone: Backbone, latents: torch.Tensor, embeddings: torch.Tensor, steps: int, give_way: GiveWay
) -> Attention:
    """Attention averaged over all steps of the picture's DDIM inversion (eq. 1; algorithm 1).

    With direct inversion the way back passes through the very latents of the way there, so the maps are read on the
    way there: one pass for each step, none twice.
    """
    stops = torch.linspace(0, len(backbone.alphas) - 1, steps + 1).long().tolist()
    total: Attention | None = None
    for now, following in itertools.pairwise(stops):
        give_way()
        noise, seen = backbone.watch(latents, now, embeddings)
        latents = ahead(latents.float(), noise, float(backbone.alphas[now]), float(backbone.alphas[following]))
        total = plus(total, seen, 1 / steps)
    assert total is not None, "a trace has at least one step"
    return total


def ahead(latents: torch.Tensor, noise: torch.Tensor, now: float, following: float) -> torch.Tensor:
    """Latents at one noise level (cumulative alpha `now`) taken to the `following` one (eq. 1)."""
    drift = math.sqrt(1 / following - 1) - math.sqrt(1 / now - 1)
    return math.sqrt(following / now) * latents + math.sqrt(following) * drift * noise


def plus(total: Attention | None, seen: Attention, share: float) -> Attention:
    """A running mean: what was seen so far and a share of what is seen now. Two matrices are held, never all."""
    if total is None:
        return Attention(tuple(level * share for level in seen.cross), seen.among * share, seen.broad * share)
    cross = tuple(sum_.add_(level, alpha=share) for sum_, level in zip(total.cross, seen.cross, strict=True))
    return Attention(cross, total.among.add_(seen.among, alpha=share), total.broad.add_(seen.broad, alpha=share))

"""The same models, asked in smaller steps: less memory and more time for the same answer, but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch
from torch.utils.checkpoint import checkpoint

from model.grounding.features import Models
from model.protocols import Backbone, Segmenter
from model.types import Attention, Candidates, ImageEmbedding, MaskPrompt

T = TypeVar("T")


def frugal(models: Models) -> Models:
    """Models that take one mask prompt and one draw of noise at a time.

    Passes that gradients are asked of are computed a second time in place of being kept (gradient checkpointing,
    arXiv 1604.06174): only one of them is in memory at any time.
    """
    backbone: Backbone = FrugalBackbone(models.backbone)
    segmenter: Segmenter = FrugalSegmenter(models.segmenter)
    return replace(models, backbone=backbone, segmenter=segmenter)


class FrugalSegmenter:
    """`Segmenter` with one prompt for each decoder call."""

    def __init__(self, whole: Segmenter) -> None:
        self._whole = whole
        self.name, self.embed, self.enlarge = whole.name, whole.embed, whole.enlarge

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: Callable[[], None] = lambda: None
    ) -> tuple[Candidates, ...]:
        """Candidates for each prompt."""
        return tuple(candidates for each in prompts for candidates in self._whole.decode(embedding, [each], give_way))


class FrugalBackbone:
    """`Backbone` with one draw for each pass, and no pass kept for gradients."""

    def __init__(self, whole: Backbone) -> None:
        self._whole = whole
        self.name, self.canvas_size, self.max_tokens = whole.name, whole.canvas_size, whole.max_tokens
        self.words, self.alphas, self.passes_at_once = whole.words, whole.alphas, 1
        self.tokenize, self.inputs, self.embed = whole.tokenize, whole.inputs, whole.embed
        self.encode, self.watch = whole.encode, whole.watch

    def attend(self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0) -> tuple[Attention, ...]:
        """Noised passes at the fixed timestep, one for each text."""
        singles = zip(latents.expand(len(embeddings), -1, -1, -1).split(1), embeddings.split(1), strict=True)
        looks = (forgetful(text, partial(self._whole.attend, one, draw=draw)) for one, text in singles)
        return tuple(attention for look in looks for attention in look)

    def glance(
        self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0
    ) -> tuple[tuple[torch.Tensor, ...], ...]:
        """The cross-attention alone; one text in each pass."""
        singles = zip(latents.expand(len(embeddings), -1, -1, -1).split(1), embeddings.split(1), strict=True)
        return tuple(cross for one, text in singles for cross in self._whole.glance(one, text, draw))

    def denoise(self, noisy: torch.Tensor, timesteps: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """The noise (B, c, s, s) seen in noised latents at timesteps (B,)."""
        singles = zip(noisy.split(1), timesteps.split(1), strict=True)
        return torch.cat([self._alone(single, timestep, embeddings) for single, timestep in singles])

    def _alone(self, noisy: torch.Tensor, timestep: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        return forgetful(embeddings, lambda given: self._whole.denoise(noisy, timestep, given))


def forgetful(embeddings: torch.Tensor, compute: Callable[[torch.Tensor], T]) -> T:
    """What is computed from embeddings; what its gradient needs is computed again when that is asked for."""
    if not (torch.is_grad_enabled() and embeddings.requires_grad):
        return compute(embeddings)
    computed: T = checkpoint(compute, embeddings, use_reentrant=False, preserve_rng_state=False)  # noise has own seeds
    return computed

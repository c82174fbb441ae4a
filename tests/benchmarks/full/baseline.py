"""The textbook: iSeg's path from a picture to refined maps, written plainly on the same weights.

Every attention layer materialises its probabilities and keeps every head, the whole UNet runs, and each phrase has a
pass and a refinement of its own. It shares the constants of `model.config` with ours and no code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.adapters.diffusers.backbone import NOISE_SEED, TIMESTEP, DiffusersBackbone
from model.config import AttentionConfig, RefineConfig
from model.text.prompt_text import Wording
from tests.benchmarks.full.written import as_written

INNER = "transformer_blocks.0"
COARSE = ("down_blocks.2.attentions.{}", "up_blocks.1.attentions.{}")
FINER = ("down_blocks.1.attentions.{}", "up_blocks.2.attentions.{}")
AMONG = f"up_blocks.3.attentions.1.{INNER}.attn1"
ATTENTION, REFINE = AttentionConfig(), RefineConfig()


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """cross: two levels (L, h, w), coarse first. among: (n, n). scores: (P, g, g) with maximum 1, refined."""

    cross: tuple[torch.Tensor, ...]
    among: torch.Tensor
    scores: NDArray[np.float32]


class Keeper:
    """An attention processor that computes all probabilities and keeps them."""

    def __init__(self, kept: dict[str, torch.Tensor], name: str) -> None:
        self.kept, self.name = kept, name

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor | None = None, **_: object
    ) -> torch.Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            attn.head_to_batch_dim(each) for each in (attn.to_q(hidden_states), attn.to_k(source), attn.to_v(source))
        )
        probabilities = attn.get_attention_scores(query, key)
        self.kept[self.name] = probabilities
        answer: torch.Tensor = attn.to_out[0](attn.batch_to_head_dim(torch.bmm(probabilities, value)))
        return answer


@torch.no_grad()
def latents_of(backbone: DiffusersBackbone, canvas: NDArray[np.uint8]) -> torch.Tensor:
    """Latents (1, c, s, s) of a square picture."""
    pixels = torch.from_numpy(canvas).to(backbone.device, backbone.dtype).permute(2, 0, 1).unsqueeze(0)
    with as_written(backbone.vae.encoder):
        mean: torch.Tensor = backbone.vae.encode(pixels / 127.5 - 1).latent_dist.mean
    return mean * float(backbone.vae.config.scaling_factor)


@torch.no_grad()
def locate(backbone: DiffusersBackbone, latents: torch.Tensor, wording: Wording) -> Maps:
    """Where the phrases of one text are, one after the other."""
    scores = []
    for number, sought in enumerate(wording.sought):
        kept = attention(backbone, latents, embeddings_of(backbone, wording))
        cross = tuple(level(kept, names) for names in (COARSE, FINER))
        among = kept[AMONG].float().mean(0)
        side = math.isqrt(len(among))
        words = phrase_map(cross, (sought.noun, *sought.modifiers), side)
        scores.append(brightest(refined(words.flatten(), among)).reshape(side, side))
        if number < len(wording.sought) - 1:
            del kept, cross, among
    return Maps(cross, among, torch.stack(scores).cpu().numpy())


def embeddings_of(backbone: DiffusersBackbone, wording: Wording) -> torch.Tensor:
    """Text-encoder outputs (1, L, d), those of the phrases' tokens enhanced (iSeg's Cat-Cross)."""
    ids = torch.tensor([wording.tokens.ids], device=backbone.device)
    embeddings: torch.Tensor = backbone.text_encoder(ids).last_hidden_state
    for token in {token for sought in wording.sought for word in sought.words for token in word}:
        embeddings[0, token] *= ATTENTION.enhancement
    return embeddings


def attention(backbone: DiffusersBackbone, latents: torch.Tensor, embeddings: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every layer's probabilities (heads, queries, keys) in one whole pass."""
    kept: dict[str, torch.Tensor] = {}
    before = dict(backbone.unet.attn_processors)
    backbone.unet.set_attn_processor(
        {name: Keeper(kept, name.removesuffix(".processor")) for name in backbone.unet.attn_processors}
    )
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(NOISE_SEED)).to(latents)
    timestep = torch.tensor([TIMESTEP], device=backbone.device)
    backbone.unet(backbone.scheduler.add_noise(latents, noise, timestep), timestep, embeddings)
    backbone.unet.set_attn_processor(before)
    return kept


def level(kept: dict[str, torch.Tensor], patterns: Sequence[str]) -> torch.Tensor:
    """The mean over heads and layers of one level's cross-attention, (L, h, w)."""
    layers = [pattern.format(number) for pattern in patterns for number in range(3)]
    names = [name for layer in layers if (name := f"{layer}.{INNER}.attn2") in kept]
    mean = torch.stack([kept[name].float().mean(0) for name in names]).mean(0)
    side = math.isqrt(len(mean))
    return mean.T.reshape(-1, side, side)


def phrase_map(cross: tuple[torch.Tensor, ...], words: Sequence[Sequence[int]], side: int) -> torch.Tensor:
    """The map (g, g) of a noun and its modifiers, levels joined as in iSeg's code."""
    joined = torch.zeros(len(cross[0]), side, side, device=cross[0].device)
    for maps, weight in zip(cross, ATTENTION.resolution_weights, strict=True):
        share = maps / maps.sum((1, 2), keepdim=True)
        enlarged = torch.nn.functional.interpolate(share[None], (side, side), mode="bilinear", align_corners=False)[0]
        joined += weight * enlarged * maps[0].numel() / side**2
    means = [joined[list(word)].mean(0) for word in words]
    if len(means) == 1:
        return means[0]
    return (1 - ATTENTION.modifier_weight) * means[0] + ATTENTION.modifier_weight * torch.stack(means[1:]).mean(0)


def refined(scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
    """A map (n,) spread by self-attention, the products after the first by the entropy-reduced one."""
    sharp = among / among.max(0, keepdim=True).values
    sharp = (sharp + REFINE.entropy_factor * torch.log10(math.e * sharp)).clamp(min=0)
    sharp = sharp / sharp.sum(1, keepdim=True)
    scores = share_of(among @ share_of(scores))
    for _ in range(REFINE.max_iterations - 1):
        following = share_of(sharp @ share_of(scores))
        moved = (following - scores).abs().sum() / 2
        scores = following
        if moved <= REFINE.tolerance:
            break
    return scores


def share_of(scores: torch.Tensor) -> torch.Tensor:
    """Less the minimum, with sum 1."""
    return (scores - scores.min()) / (scores - scores.min()).sum()


def brightest(scores: torch.Tensor) -> torch.Tensor:
    """Less the minimum, with maximum 1."""
    return (scores - scores.min()) / (scores.max() - scores.min())

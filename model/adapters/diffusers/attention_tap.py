"""Read attention from a diffusers UNet: which layers, and processors that keep only what is asked for.

Layers follow from the model's own configuration: cross-attention of the two coarse levels that have it (the middle
block left out), and self-attention of the last decoder level's next to last block. For Stable Diffusion 1.x and
2.x at 64 cells these are the layers at 16 and 32 cells and `up_blocks.3.attentions.1` (as in iSeg's official code).
All other layers keep the library's fused attention, and the pass ends as soon as the last tap has what it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch.nn import functional

from model.errors import Misconfigured
from model.types import Attention

COARSE_LEVELS = 2
CHUNK = 2**22  # probabilities in memory at once, 16 MB; four times as many take twice as long on a CPU


class Enough(Exception):
    """Ends a forward pass: every tap has read what it wanted."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Module names: cross-attention per level, coarsest first, and the one self-attention layer that is read."""

    cross: tuple[tuple[str, ...], ...]
    among: str

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*(name for level in self.cross for name in level), self.among)


def layers_of(unet: UNet2DConditionModel, decoder_only: bool = False) -> Layers:
    """Choose the layers to read from the UNet's structure; cross-attention in the decoder alone where told so."""
    levels: dict[int, list[str]] = {}
    names = [name for name, _ in unet.named_modules() if name.endswith("attn2") and "mid_block" not in name]
    for name in names:
        side, block = name.split(".")[:2]
        level = int(block) if side == "down_blocks" else len(unet.up_blocks) - 1 - int(block)
        if side == "up_blocks" or not decoder_only:
            levels.setdefault(level, []).append(name)
    last = [name for name in names if name.startswith(f"up_blocks.{len(unet.up_blocks) - 1}.")]
    if len(levels) < COARSE_LEVELS or not last:
        raise Misconfigured(
            "this UNet has too few cross-attention levels to be read; use a Stable Diffusion checkpoint"
        )
    coarse = sorted(levels, reverse=True)[:COARSE_LEVELS]
    among = last[max(len(last) - 2, 0)].removesuffix("attn2") + "attn1"
    return Layers(tuple(tuple(levels[level]) for level in coarse), among)


class Tap:
    """An attention processor that adds up its heads' probabilities by chunks of rows, under several weightings.

    `weights`: (k, heads), each row with sum 1. After a call `maps` is (B, k, queries, keys). Self-attention's
    have no gradient: whoever learns from attention holds the picture's geometry fixed, and all heads' probabilities
    would be kept for it. Where `enough` says that nothing more is wanted, the pass ends with the maps, and the layer's
    own answer is not computed.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights
        self.maps: torch.Tensor | None = None
        self.enough: Callable[[], bool] = lambda: False

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        **_: object,  # a mask of None and other things that a UNet's transformer blocks pass along
    ) -> torch.Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key = (heads_of(attn, projected) for projected in (attn.to_q(hidden_states), attn.to_k(source)))
        with torch.set_grad_enabled(torch.is_grad_enabled() and encoder_hidden_states is not None):
            self.maps = averaged(query * attn.scale, key, self.weights)
        if self.enough():
            raise Enough
        value = heads_of(attn, attn.to_v(source))
        output = functional.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        answer: torch.Tensor = attn.to_out[1](attn.to_out[0](output.transpose(1, 2).flatten(2)))
        return answer


def heads_of(attn: Any, projected: torch.Tensor) -> torch.Tensor:
    """Projections (B, n, heads * d) as (B, heads, n, d)."""
    batch, count, width = projected.shape
    return projected.view(batch, count, attn.heads, width // attn.heads).transpose(1, 2)


def averaged(query: torch.Tensor, key: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Attention (B, k, n, m) of scaled queries (B, heads, n, d) to keys (B, heads, m, d), heads weighted (k, heads).

    A chunk of rows at a time, all heads of it: the whole of 64 x 64 cells would be 0.34 GB in float32, and a chunk
    that stays in the processor's cache is done in less than half the time.
    """
    weights, (batch, heads, count, _), keys = weights.to(query.device), query.shape, key.shape[2]
    maps = query.new_empty((batch, len(weights), count, keys), dtype=torch.float32)
    rows = max(1, CHUNK // (batch * heads * keys))
    for first in range(0, count, rows):
        probabilities = (query[:, :, first : first + rows] @ key.transpose(-1, -2)).float().softmax(-1)
        maps[:, :, first : first + rows] = (weights @ probabilities.flatten(2)).unflatten(2, (-1, keys))
    return maps


class Tapped:
    """Puts taps on the named layers for the time of one pass, ends the pass when all are full, takes them off again.

    Without `stop` the pass goes on to its end. A class, because a generator that an exception ends keeps the frames of
    the whole pass, and their tensors, until Python's collector comes by (from 3.12 on).
    """

    def __init__(self, unet: UNet2DConditionModel, taps: Mapping[str, Tap], stop: bool = True) -> None:
        self._layers = {unet.get_submodule(name): tap for name, tap in taps.items()}
        self._before = [layer.processor for layer in self._layers]
        self._stop = stop

    def __enter__(self) -> None:
        for layer, tap in self._layers.items():
            tap.maps, tap.enough = None, self._enough
            layer.set_processor(tap)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        for layer, processor in zip(self._layers, self._before, strict=True):
            layer.set_processor(processor)
        if kind not in (None, Enough):
            self._forget()  # what was read before a failure would stay in memory until the next pass
        return kind is Enough

    def _forget(self) -> None:
        for tap in self._layers.values():
            tap.maps = None

    def _enough(self) -> bool:
        return self._stop and all(tap.maps is not None for tap in self._layers.values())


def taps_for(unet: UNet2DConditionModel, layers: Layers, head_weights: Sequence[float]) -> dict[str, Tap]:
    """Taps that average heads: all alike for cross-attention; for self-attention alike and by `head_weights` too.

    Raises Misconfigured where there is not one weight for each head; no weights at all mean all alike.
    """
    taps = {name: Tap(_alike(unet, name)) for level in layers.cross for name in level}
    alike = _alike(unet, layers.among)
    if head_weights and len(head_weights) != alike.shape[1]:
        raise Misconfigured(
            f"the attention profile weighs {len(head_weights)} heads, the self-attention layer has {alike.shape[1]}"
        )
    coherent = torch.tensor([head_weights], device=alike.device)
    return {**taps, layers.among: Tap(torch.cat([alike, coherent / coherent.sum()]) if head_weights else alike)}


def _alike(unet: UNet2DConditionModel, name: str) -> torch.Tensor:
    heads = int(unet.get_submodule(name).heads)
    return torch.full((1, heads), 1 / heads, device=unet.device)


def taken(taps: Mapping[str, Tap]) -> dict[str, torch.Tensor]:
    """What each tap has read, which it does not keep."""
    maps = {name: tap.maps for name, tap in taps.items() if tap.maps is not None}
    assert len(maps) == len(taps), "the pass went through every layer that is read"
    for tap in taps.values():
        tap.maps = None
    return maps


def attention_of(maps: Mapping[str, torch.Tensor], layers: Layers) -> tuple[Attention, ...]:
    """Put together what was read of each text; without head weights both matrices are the same one."""
    pairs = zip(cross_of(maps, layers), _each(maps[layers.among]), strict=True)
    return tuple(Attention(cross, among=each[-1], broad=each[0]) for cross, each in pairs)


def cross_of(maps: Mapping[str, torch.Tensor], layers: Layers) -> tuple[tuple[torch.Tensor, ...], ...]:
    """For each text of a batch its cross-attention per level, (L, h, w) each."""
    levels = [_level([maps[name] for name in level]) for level in layers.cross]
    return tuple(zip(*map(_each, levels), strict=True))


def _each(maps: torch.Tensor) -> Sequence[torch.Tensor]:
    """What belongs to each text of a batch, in memory of its own: one may be kept and the others freed."""
    return [each.clone() for each in maps] if len(maps) > 1 else maps.unbind()


def _level(maps: list[torch.Tensor]) -> torch.Tensor:
    """The mean of one level's layers as (B, L, h, w)."""
    mean = torch.stack([each[:, 0] for each in maps]).mean(0)
    side = int(mean.shape[1] ** 0.5)
    return mean.transpose(1, 2).reshape(len(mean), -1, side, side)

"""Read attention from a diffusers UNet: which layers, and processors that keep only what is asked for.

Layers follow from the model's own configuration: cross-attention of the two coarse levels that have it (the middle
block left out), and self-attention of the last decoder level's next to last block. For Stable Diffusion 1.x and
2.x at 64 cells these are the layers at 16 and 32 cells and `up_blocks.3.attentions.1` (as in iSeg's official code).
All other layers keep the library's fused attention, and the pass ends as soon as the last tap has what it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from model.errors import Misconfigured
from model.values import Attention

COARSE_LEVELS = 2


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
    """An attention processor that adds up its heads' probabilities one head at a time, under several weightings.

    `weights`: (k, heads), each row with sum 1. After a call `maps` is (k, queries, keys) of the batch's first entry.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights
        self.maps: torch.Tensor | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        **_: object,  # a mask of None and other things that a UNet's transformer blocks pass along
    ) -> torch.Tensor:
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            projected.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for projected in (attn.to_q(hidden_states), attn.to_k(source), attn.to_v(source))
        )
        outputs = []
        self.maps = query.new_zeros((len(self.weights), query.shape[2], key.shape[2]), dtype=torch.float32)
        for head in range(attn.heads):
            logits = query[:, head] @ key[:, head].transpose(-1, -2) * attn.scale
            probabilities = logits.float().softmax(-1)
            outputs.append(probabilities.to(value.dtype) @ value[:, head])
            for row, weight in enumerate(self.weights[:, head].tolist()):
                self.maps[row].add_(probabilities[0], alpha=weight)
        answer: torch.Tensor = attn.to_out[1](attn.to_out[0](torch.cat(outputs, -1)))
        return answer


@contextmanager
def tapped(unet: UNet2DConditionModel, taps: Mapping[str, Tap], stop: bool = True) -> Iterator[None]:
    """Put taps on the named layers for the time of one pass, end the pass when all are full, take them off again.

    Without `stop` the pass goes on to its end.
    """
    before = {name: unet.get_submodule(name).processor for name in taps}
    hooks = [unet.get_submodule(name).register_forward_hook(_stop_when_full(taps)) for name in taps if stop]
    for name, tap in taps.items():
        unet.get_submodule(name).set_processor(tap)
    try:
        yield
    except Enough:
        pass
    finally:
        for hook in hooks:
            hook.remove()
        for name, processor in before.items():
            unet.get_submodule(name).set_processor(processor)


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
    coherent = torch.tensor([head_weights]) if head_weights else alike
    return {**taps, layers.among: Tap(torch.cat([alike, coherent / coherent.sum()]))}


def _alike(unet: UNet2DConditionModel, name: str) -> torch.Tensor:
    heads = int(unet.get_submodule(name).heads)
    return torch.full((1, heads), 1 / heads)


def _stop_when_full(taps: Mapping[str, Tap]) -> Callable[..., None]:
    def stop(*_: object) -> None:
        if all(tap.maps is not None for tap in taps.values()):
            raise Enough

    return stop


def attention_of(taps: Mapping[str, Tap], layers: Layers) -> Attention:
    """Put together what the taps read in one pass."""
    cross = tuple(_level([taps[name].maps for name in level]) for level in layers.cross)
    maps = taps[layers.among].maps
    assert maps is not None, "the pass ended before the self-attention layer"
    return Attention(cross, among=maps[1], broad=maps[0])


def _level(maps: list[torch.Tensor | None]) -> torch.Tensor:
    """The mean of one level's layers as (L, h, w)."""
    mean = torch.stack([each[0] for each in maps if each is not None]).mean(0)
    side = int(mean.shape[0] ** 0.5)
    return mean.T.reshape(-1, side, side)

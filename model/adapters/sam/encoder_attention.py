"""SAM's attention in the picture's encoder, without a bias of all heads' relative positions in memory.

Relative positions differ from head to head and query to query, so fused attention wants them as a bias of heads x
4096 x 4096 numbers where a layer looks everywhere: 1.1 GB in float32 at ViT-H. One head's bias is 67 MB.
"""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional
from transformers import SamModel
from transformers.models.sam.modeling_sam import SamVisionAttention

ALIGNED = 8  # numbers in a head that CUDA's fused attention goes by


def attend_lightly(model: SamModel) -> None:
    """On a CPU let the layers that look everywhere take their heads one by one; windows are small and stay as they are.

    On a CUDA device no layer makes a bias at all.
    """
    vision = model.config.vision_config
    for layer in model.vision_encoder.layers:
        if not layer.attn.use_rel_pos:
            continue
        if model.device.type == "cuda":
            layer.attn.forward = ByColumns(layer.attn, layer.window_size or vision.image_size // vision.patch_size)
        elif layer.window_size == 0:
            layer.attn.forward = partial(by_heads, layer.attn)


def by_heads(attention: SamVisionAttention, hidden_states: torch.Tensor, **_: object) -> tuple[torch.Tensor, None]:
    """What the layer makes of (B, H, W, d), and no probabilities, as with the library's fused attention."""
    batch, height, width, _depth = hidden_states.shape
    projected = attention.qkv(hidden_states).view(batch, height * width, 3, attention.num_attention_heads, -1)
    answers = [_one(attention, head, (height, width)) for head in projected.permute(3, 2, 0, 1, 4)]
    return attention.proj(torch.cat(answers, -1).view(hidden_states.shape)), None


def _one(attention: SamVisionAttention, head: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """One head's answer (B, n, c) to its queries, keys and values (3, B, n, c) on a grid of `size` with n cells."""
    query, key, value = head[:, :, None]  # a head of its own: without one the fused kernel is left out
    bias = attention.get_decomposed_rel_pos(query[:, 0], attention.rel_pos_h, attention.rel_pos_w, size, size)
    bias = bias.reshape(len(bias), 1, query.shape[2], -1)
    return functional.scaled_dot_product_attention(query, key, value, bias)[:, 0]


class ByColumns:
    """A layer's attention with relative positions as more columns of queries and keys.

    A query's product with a key that has a one in its row's and its column's place adds just what that row and that
    column mean to the query. On a CPU that is slower than one head's bias after the other.
    """

    def __init__(self, attention: SamVisionAttention, side: int) -> None:
        """Of a layer with frozen weights, on a grid of `side` x `side` cells."""
        self._attention = attention
        weights = (attention.rel_pos_h, attention.rel_pos_w)
        self._rows, self._columns = (attention.get_rel_pos(side, side, each) / attention.scale for each in weights)
        cells = torch.arange(side * side, device=attention.rel_pos_h.device)
        places = [functional.one_hot(each, side) for each in (cells // side, cells % side)]
        self._places = torch.cat(places, 1).to(attention.rel_pos_h)  # (n, 2 * side)

    def __call__(self, hidden_states: torch.Tensor, **_: object) -> tuple[torch.Tensor, None]:
        """What the layer makes of (B, side, side, d), and no probabilities."""
        attention, batch, side = self._attention, *hidden_states.shape[:2]
        projected = attention.qkv(hidden_states).view(batch, side * side, 3, attention.num_attention_heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        cells = query.unflatten(2, (side, side))
        down = torch.einsum("bnhwc,hkc->bnhwk", cells, self._rows).flatten(2, 3)
        along = torch.einsum("bnhwc,wkc->bnhwk", cells, self._columns).flatten(2, 3)
        places = self._places.expand(*key.shape[:2], -1, -1)
        query, key = _aligned(query, down, along), _aligned(key, places)
        value = functional.pad(value, (0, query.shape[3] - value.shape[3]))
        answer = functional.scaled_dot_product_attention(query, key, value, scale=attention.scale)
        depth = projected.shape[4]
        return attention.proj(answer[..., :depth].transpose(1, 2).reshape(hidden_states.shape)), None


def _aligned(*parts: torch.Tensor) -> torch.Tensor:
    """Columns side by side, and as many zeros as fused attention wants."""
    missing = -sum(each.shape[-1] for each in parts) % ALIGNED
    return torch.cat([*parts, parts[0].new_zeros(missing).expand(*parts[0].shape[:-1], missing)], -1)

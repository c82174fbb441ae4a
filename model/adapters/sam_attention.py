"""SAM's global attention one head at a time: its relative positions never stand in memory for all heads."""

from __future__ import annotations

from functools import partial

import torch
from torch.nn import functional
from transformers import SamModel
from transformers.models.sam.modeling_sam import SamVisionAttention


def attend_by_heads(model: SamModel) -> None:
    """Let the layers that look everywhere take their heads one by one; windows are small and stay as they are.

    Relative positions differ from head to head and query to query, so fused attention wants them as a bias of heads x
    4096 x 4096 numbers: 1.1 GB in float32 at ViT-H. One head's bias is 67 MB.
    """
    for layer in model.vision_encoder.layers:
        if layer.window_size == 0 and layer.attn.use_rel_pos:
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

"""Mask2Former whose queries read the prompt before they look at the picture (PMP, arXiv 2412.10292, section 3).

transformers' `Mask2FormerForUniversalSegmentation`, and in every decoder layer, before its masked attention over the
picture, an attention of the queries over the text: Q' = softmax(Q K_t^T) V_t and X_l = softmax(Q' K_l^T) V_l + X_{l-1}.
Without text nothing is inserted: the model is plain Mask2Former.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation
from transformers import initialization as init


@dataclass(frozen=True, slots=True, eq=False)
class TextTokens:
    """The prompts of B pictures: embeddings (B, M, d), one for each text; padding (B, M), True where there is none.

    M varies from picture to picture, so shorter prompts are padded; every picture needs one text at least.
    """

    embeddings: torch.Tensor
    padding: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """What queries say after a layer: masks (B, N, h, w) and names (B, N, M + 1), logits, the last name "none"."""

    masks: torch.Tensor
    names: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """What queries say before the first layer and after each, and the pixel embeddings (B, C, h, w) of masks."""

    said: tuple[Round, ...]
    cells: torch.Tensor


class PromptedConfig(Mask2FormerConfig):  # type: ignore[misc]
    """Mask2Former's configuration, the width of the text embeddings and the side of the square picture in pixels."""

    text_dim: int = 512
    side: int = 384


class ProposalNaming(nn.Module):
    """p_ik = softmax over k of cos(z_i, t_k) / tau, with a learned tau and a learned embedding of "no object"."""

    def __init__(self, width: int, text_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, text_dim)
        self.no_object = nn.Parameter(torch.empty(text_dim))
        self.log_temperature = nn.Parameter(torch.empty(()))

    def forward(self, queries: torch.Tensor, texts: TextTokens) -> torch.Tensor:
        """Logits (B, N, M + 1) of queries (B, N, C); padding's are so low that no probability is left for it."""
        none = self.no_object.expand(len(queries), 1, -1)
        wanted = functional.normalize(torch.cat([texts.embeddings.to(none), none], dim=1), dim=-1)
        found = functional.normalize(self.project(queries), dim=-1)
        logits = found @ wanted.transpose(1, 2) / self.log_temperature.exp()
        padding = functional.pad(texts.padding, (0, 1))[:, None]
        return logits.float().masked_fill(padding, torch.finfo(torch.float32).min)


class PromptedMask2Former(Mask2FormerForUniversalSegmentation):  # type: ignore[misc]
    """Mask2Former with a text attention for each decoder layer. Called as Mask2Former it is Mask2Former."""

    config: PromptedConfig
    config_class = PromptedConfig

    def __init__(self, config: PromptedConfig) -> None:
        super().__init__(config)
        width, heads, text = config.hidden_dim, config.num_attention_heads, config.text_dim
        layers = self.model.transformer_module.decoder.layers
        self.text_attention = nn.ModuleList(
            nn.MultiheadAttention(width, heads, config.dropout, kdim=text, vdim=text) for _ in layers
        )
        self.naming = ProposalNaming(width, text)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ProposalNaming):
            init.normal_(module.no_object)
            init.constant_(module.log_temperature, math.log(0.07))  # CLIP's start

    def rounds(self, pixel_values: torch.Tensor, texts: TextTokens) -> Rounds:
        """What the queries say of pictures (B, 3, S, S) and their texts."""
        with prompted(self, texts):
            seen = self.model(pixel_values, output_hidden_states=True, return_dict=True)
        names = [self.naming(state.transpose(0, 1), texts) for state in seen.transformer_decoder_intermediate_states]
        said = tuple(Round(masks, each) for masks, each in zip(seen.masks_queries_logits, names, strict=True))
        return Rounds(said, seen.pixel_decoder_last_hidden_state)


@contextmanager
def prompted(model: PromptedMask2Former, texts: TextTokens) -> Iterator[None]:
    """While this lasts, every decoder layer's queries read the texts before they look at the picture."""
    transformer = model.model.transformer_module
    positions = transformer.queries_embedder.weight[:, None]
    with ExitStack() as stack:
        for layer, attention in zip(transformer.decoder.layers, model.text_attention, strict=True):
            hook = _reading(attention, texts, positions)
            stack.callback(layer.cross_attn.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield


def _reading(attention: nn.Module, texts: TextTokens, positions: torch.Tensor) -> Any:
    """Replace the masked attention's queries X + position (N, B, C) by Q' + position.

    The residual X is added outside of the masked attention, so it stays what the paper says: X_{l-1}. The position is
    added to Q' as Mask2Former adds it to every attention's queries; without it one text would make all queries equal.
    """
    spoken = texts.embeddings.transpose(0, 1)

    def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        keys = spoken.to(kwargs["query"].dtype)
        words, _weights = attention(kwargs["query"], keys, keys, key_padding_mask=texts.padding, need_weights=False)
        return args, kwargs | {"query": words + positions}

    return read

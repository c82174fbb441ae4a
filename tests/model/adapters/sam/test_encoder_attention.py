"""SAM's global attention head by head, against the library's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model.adapters.sam.encoder_attention import ByColumns, attend_lightly, by_heads
from tests.model.adapters.sam.test_segmenter import tiny_sam


def test_heads_one_by_one_answer_as_all_at_once() -> None:
    layer = tiny_sam().vision_encoder.layers[1].attn
    torch.nn.init.normal_(layer.rel_pos_h)
    torch.nn.init.normal_(layer.rel_pos_w)
    hidden = torch.randn(2, 8, 8, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, _ = layer(hidden)
        found, probabilities = by_heads(layer, hidden)
    assert probabilities is None
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_positions_of_one_head_are_in_memory_at_a_time() -> None:
    model = tiny_sam()
    attend_lightly(model)
    layer, sizes = model.vision_encoder.layers[1].attn, list[int]()
    whole = layer.get_decomposed_rel_pos

    def noted(query: torch.Tensor, *rest: Any) -> torch.Tensor:
        sizes.append(len(query))
        return whole(query, *rest)  # type: ignore[no-any-return]

    layer.get_decomposed_rel_pos = noted
    with torch.no_grad():
        model.vision_encoder(torch.zeros(1, 3, 64, 64))
    assert sizes == [1, 1]


def test_windows_stay_with_the_library() -> None:
    model = tiny_sam()
    attend_lightly(model)
    assert ["forward" in layer.attn.__dict__ for layer in model.vision_encoder.layers] == [False, True]


@pytest.mark.parametrize("number", [0, 1])
def test_positions_as_columns_answer_as_a_bias_does(number: int) -> None:
    layer = tiny_sam().vision_encoder.layers[number]
    torch.nn.init.normal_(layer.attn.rel_pos_h)
    torch.nn.init.normal_(layer.attn.rel_pos_w)
    side = layer.window_size or 8
    hidden = torch.randn(3, side, side, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, _ = layer.attn(hidden)
        found, probabilities = ByColumns(layer.attn, side)(hidden)
    assert probabilities is None
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)

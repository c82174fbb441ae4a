"""The text attention in front of Mask2Former's masked attention (PMP), on the real classes."""

from typing import Any

import pytest
import torch
from transformers import Mask2FormerForUniversalSegmentation

from model.adapters.proposers.text_query import PromptedMask2Former, Rounds, TextTokens, prompted
from tests.model.adapters.tiny_proposer import QUERIES, TEXT_DIM, mask2former


@pytest.fixture(scope="module")
def model() -> PromptedMask2Former:
    return mask2former()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def texts(count: int, padding: int = 0) -> TextTokens:
    embeddings = torch.randn(2, count, TEXT_DIM, generator=torch.Generator().manual_seed(2))
    padded = torch.cat([embeddings, torch.full((2, padding, TEXT_DIM), 9.0)], dim=1)
    return TextTokens(padded, torch.arange(count + padding).expand(2, -1) >= count)


@torch.no_grad()
def rounds(model: PromptedMask2Former, pixels: torch.Tensor, said: TextTokens) -> Rounds:
    return model.rounds(pixels, said)


@torch.no_grad()
def test_without_text_it_is_plain_mask2former(model: PromptedMask2Former, pixels: torch.Tensor) -> None:
    plain = Mask2FormerForUniversalSegmentation(model.config).eval()
    plain.load_state_dict({name: model.state_dict()[name] for name in plain.state_dict()})
    rounds(model, pixels, texts(3))  # nothing stays behind
    wanted, found = plain(pixels), model(pixels)
    assert torch.equal(wanted.masks_queries_logits, found.masks_queries_logits)
    assert torch.equal(wanted.class_queries_logits, found.class_queries_logits)


def test_text_changes_the_masks_after_the_first_layer(model: PromptedMask2Former, pixels: torch.Tensor) -> None:
    one, other = rounds(model, pixels, texts(3)), rounds(model, pixels, texts(1))
    assert len(one.said) == 4
    assert torch.equal(one.said[0].masks, other.said[0].masks)
    assert all((a.masks - b.masks).abs().max() > 1e-3 for a, b in zip(one.said[1:], other.said[1:], strict=True))


def test_padding_says_nothing(model: PromptedMask2Former, pixels: torch.Tensor) -> None:
    bare, padded = rounds(model, pixels, texts(2)).said[-1], rounds(model, pixels, texts(2, padding=3)).said[-1]
    torch.testing.assert_close(bare.masks, padded.masks)
    chances = padded.names.softmax(dim=-1)
    assert (chances[..., 2:5] == 0).all()
    torch.testing.assert_close(bare.names.softmax(dim=-1), chances[..., [0, 1, 5]])


@torch.no_grad()
def test_the_masked_attention_asks_with_the_words_that_its_queries_read(
    model: PromptedMask2Former, pixels: torch.Tensor
) -> None:
    transformer, said, asked = model.model.transformer_module, texts(3), []

    def keep(_: torch.nn.Module, args: Any, kwargs: dict[str, torch.Tensor]) -> None:
        del args
        asked.append(kwargs["query"])

    with prompted(model, said):
        handle = transformer.decoder.layers[0].cross_attn.register_forward_pre_hook(keep, with_kwargs=True)
        model.model(pixels)
        handle.remove()
    positions = transformer.queries_embedder.weight[:, None]
    queries = (transformer.queries_features.weight[:, None] + positions).expand(-1, 2, -1)
    keys = said.embeddings.transpose(0, 1)
    words, weights = model.text_attention[0](queries, keys, keys)
    assert weights.shape == (2, QUERIES, 3)
    torch.testing.assert_close(asked[0], words + positions)


@torch.no_grad()
def test_the_residual_keeps_the_queries_and_not_the_words(pixels: torch.Tensor) -> None:
    silent = mask2former()
    for layer in silent.model.transformer_module.decoder.layers:
        layer.cross_attn.out_proj.weight.zero_()
        layer.cross_attn.out_proj.bias.zero_()
    with_text = rounds(silent, pixels, texts(3)).said[-1].masks
    torch.testing.assert_close(with_text, silent(pixels).masks_queries_logits)


@torch.no_grad()
def test_names_are_cosines_over_the_temperature(model: PromptedMask2Former) -> None:
    queries, said = torch.randn(2, QUERIES, 32, generator=torch.Generator().manual_seed(3)), texts(2)
    logits = model.naming(queries, said)
    cosine = torch.cosine_similarity(model.naming.project(queries[1, 4]), said.embeddings[1, 0], dim=0)
    torch.testing.assert_close(logits[1, 4, 0], cosine / 0.07)
    assert logits.shape == (2, QUERIES, 3)


def test_the_model_is_as_before_when_a_pass_fails(model: PromptedMask2Former, pixels: torch.Tensor) -> None:
    with pytest.raises(AssertionError, match="key weights"):
        rounds(model, pixels, TextTokens(torch.zeros(2, 1, TEXT_DIM + 1), torch.zeros(2, 1, dtype=torch.bool)))
    assert not model.model.transformer_module.decoder.layers[0].cross_attn._forward_pre_hooks

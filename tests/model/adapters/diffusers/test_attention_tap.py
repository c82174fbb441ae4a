"""Tapped attention against diffusers' own, on the layer layout of Stable Diffusion 2.1 with narrow layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

from model.adapters.diffusers import attention_tap
from model.adapters.diffusers.attention_tap import (
    Tap,
    Tapped,
    attention_of,
    averaged,
    cross_of,
    layers_of,
    taken,
    taps_for,
)
from model.errors import Misconfigured

SIDE = 16  # cells; the real model has 64 at the same layout


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=SIDE,
        block_out_channels=(20, 40, 80, 80),
        attention_head_dim=(5, 10, 20, 20),
        cross_attention_dim=24,
        norm_num_groups=5,
        use_linear_projection=True,
    ).eval()


@pytest.fixture(scope="module")
def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, SIDE, SIDE, generator=generator)
    return latents, torch.tensor([100]), torch.randn(1, 77, 24, generator=generator)


@contextmanager
def recorded(unet: UNet2DConditionModel, names: tuple[str, ...]) -> Iterator[dict[str, torch.Tensor]]:
    """The probabilities (heads, queries, keys) that diffusers' plain processor computes in the named layers."""
    seen: dict[str, torch.Tensor] = {}
    for name in names:
        module: Any = unet.get_submodule(name)
        module.set_processor(AttnProcessor())
        plain = module.get_attention_scores

        def record(*values: Any, name: str = name, plain: Any = plain) -> torch.Tensor:
            seen[name] = plain(*values)
            return seen[name]

        module.get_attention_scores = record
    yield seen
    for name in names:
        del unet.get_submodule(name).get_attention_scores
    unet.set_default_attn_processor()


def test_the_layers_are_those_of_iseg(unet: UNet2DConditionModel) -> None:
    layers = layers_of(unet)
    inner = "transformer_blocks.0"
    coarse = ("down_blocks.2.attentions.{}", "up_blocks.1.attentions.{}")
    finer = ("down_blocks.1.attentions.{}", "up_blocks.2.attentions.{}")
    for level, (down, up) in zip(layers.cross, (coarse, finer), strict=True):
        names = [down.format(i) for i in range(2)] + [up.format(i) for i in range(3)]
        assert level == tuple(f"{name}.{inner}.attn2" for name in names)
    assert layers.among == f"up_blocks.3.attentions.1.{inner}.attn1"


@torch.no_grad()
def test_maps_equal_the_library_s_probabilities(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    layers = layers_of(unet)
    taps = taps_for(unet, layers, (0.0, 0.5, 0.5, 0.0, 0.0))
    with Tapped(unet, taps):
        unet(*inputs)
    with recorded(unet, layers.names) as seen:
        unet(*inputs)
    (attention,) = attention_of(taken(taps), layers)
    heads = seen[layers.among]
    assert torch.allclose(attention.broad, heads.mean(0), atol=1e-6)
    assert torch.allclose(attention.among, heads[1:3].mean(0), atol=1e-6)
    for level, names, side in zip(attention.cross, layers.cross, (SIDE // 4, SIDE // 2), strict=True):
        expected = torch.stack([seen[name].mean(0) for name in names]).mean(0)
        assert level.shape == (77, side, side)
        assert torch.allclose(level, expected.T.reshape(77, side, side), atol=1e-6)


@torch.no_grad()
def test_a_tap_does_not_change_what_the_layer_answers(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    plain = unet(*inputs).sample
    before = dict(unet.attn_processors)
    unet.set_attn_processor(
        before | {f"{name}.processor": tap for name, tap in taps_for(unet, layers_of(unet), ()).items()}
    )
    with_taps = unet(*inputs).sample
    unet.set_attn_processor(before)
    assert torch.allclose(with_taps, plain, atol=1e-5)


@torch.no_grad()
def test_the_pass_stops_after_the_last_tap_and_leaves_the_model_as_it_was(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    before = {name: type(processor) for name, processor in unet.attn_processors.items()}
    ran: list[str] = []
    late = unet.get_submodule("up_blocks.3.attentions.2")
    hook = late.register_forward_hook(lambda *_: ran.append("late"))
    with Tapped(unet, taps_for(unet, layers_of(unet), ())):
        unet(*inputs)
    hook.remove()
    assert ran == []
    assert {name: type(processor) for name, processor in unet.attn_processors.items()} == before


def test_head_weights_have_to_fit_the_layer(unet: UNet2DConditionModel) -> None:
    with pytest.raises(Misconfigured, match="weighs 2 heads, the self-attention layer has 5"):
        taps_for(unet, layers_of(unet), (0.5, 0.5))


def test_a_unet_without_enough_cross_attention_is_refused() -> None:
    plain = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    with pytest.raises(Misconfigured, match="too few cross-attention levels"):
        layers_of(plain)


def test_cross_attention_has_a_gradient_and_self_attention_has_none(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    latents, timestep, text = inputs
    layers = layers_of(unet)
    taps = taps_for(unet, layers, (0.0, 0.5, 0.5, 0.0, 0.0))
    with Tapped(unet, taps):
        unet(latents, timestep, text.clone().requires_grad_())
    cross = {name: taps[name].maps for level in layers.cross for name in level}
    assert all(maps is not None and maps.requires_grad for maps in cross.values())
    among = taps[layers.among].maps
    assert among is not None
    assert not among.requires_grad


@torch.no_grad()
def test_half_precision_reads_nearly_the_same(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    taps = [Tap(torch.eye(5)), Tap(torch.eye(5))]
    name = layers_of(unet).among
    with Tapped(unet, {name: taps[0]}):
        unet(*inputs)
    with torch.autocast("cpu", torch.bfloat16), Tapped(unet, {name: taps[1]}):
        unet(*inputs)
    assert taps[0].maps is not None
    assert taps[1].maps is not None
    assert (taps[0].maps - taps[1].maps).abs().max() < 0.05


@pytest.mark.parametrize("chunk", [1, 2 * 3 * 7 * 5, 2**22])
def test_rows_by_chunks_give_the_plain_weighted_mean_of_heads(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_tap, "CHUNK", chunk)
    generator = torch.Generator().manual_seed(2)
    query, key = (torch.randn(2, 3, rows, 4, generator=generator) for rows in (11, 7))
    weights = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    heads = (query @ key.transpose(2, 3)).softmax(-1)
    expected = torch.stack([(heads * row[:, None, None]).sum(1) for row in weights], 1)
    assert torch.allclose(averaged(query, key, weights), expected, atol=1e-6)


@torch.no_grad()
def test_the_last_layer_s_own_answer_is_not_computed(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    layers, ran = layers_of(unet), []
    hooks = [
        unet.get_submodule(name).to_v.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name in layers.names
    ]
    with Tapped(unet, taps_for(unet, layers, ())):
        unet(*inputs)
    for hook in hooks:
        hook.remove()
    assert set(layers.names) - set(ran) == {layers.among}


@torch.no_grad()
def test_without_head_weights_both_matrices_are_one(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    taps = taps_for(unet, layers_of(unet), ())
    with Tapped(unet, taps):
        unet(*inputs)
    (attention,) = attention_of(taken(taps), layers_of(unet))
    assert attention.among.data_ptr() == attention.broad.data_ptr()


@torch.no_grad()
def test_texts_of_a_batch_are_read_apart(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    (latents, timestep, text), layers = inputs, layers_of(unet)
    together = taps_for(unet, layers, ())
    with Tapped(unet, together):
        unet(latents.expand(2, -1, -1, -1), timestep, torch.cat([text, text.flip(1)]))
    for states, levels in zip((text, text.flip(1)), cross_of(taken(together), layers), strict=True):
        alone = taps_for(unet, layers, ())
        with Tapped(unet, alone):
            unet(latents, timestep, states)
        for level, expected in zip(levels, attention_of(taken(alone), layers)[0].cross, strict=True):
            assert torch.allclose(level, expected, atol=1e-6)


@torch.no_grad()
def test_a_pass_that_fails_leaves_nothing_in_its_taps_and_the_model_as_it_was(
    unet: UNet2DConditionModel, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    taps, before = taps_for(unet, layers_of(unet), ()), dict(unet.attn_processors)
    hook = unet.get_submodule("up_blocks.2").register_forward_hook(fail)
    with pytest.raises(MemoryError), Tapped(unet, taps):
        unet(*inputs)
    hook.remove()
    assert all(tap.maps is None for tap in taps.values())
    assert unet.attn_processors == before

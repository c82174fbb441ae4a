"""A UNet that keeps little for gradients has the same ones."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import FeedForward
from torch.autograd.graph import saved_tensors_hooks

from model.adapters.diffusers.recompute import convolved, keep_little, recomputed


def slope(layer: FeedForward, again: bool) -> tuple[torch.Tensor, int]:
    """The gradient in a layer's input, and how many numbers were kept for it."""
    hidden, kept = torch.ones(1, 64, 16).cumsum(1).div_(64).requires_grad_(), [0]

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[0] += tensor.nelement()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        answer = recomputed(layer.forward, hidden) if again else layer(hidden)
    answer.square().sum().backward()
    assert hidden.grad is not None
    return hidden.grad, kept[0]


def test_gradients_are_equal_and_an_eighth_is_kept() -> None:
    torch.manual_seed(0)
    layer = FeedForward(16).requires_grad_(False).eval()
    (wanted, much), (found, little) = slope(layer, again=False), slope(layer, again=True)
    assert wanted.abs().max() > 0
    assert torch.equal(found, wanted)
    assert 8 * little <= much


def test_without_gradients_nothing_is_kept() -> None:
    layer, hidden = FeedForward(16).requires_grad_(False).eval(), torch.ones(1, 4, 16)
    assert recomputed(layer.forward, hidden).grad_fn is None


def test_a_frozen_convolution_keeps_nothing_of_its_input() -> None:
    layer = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1).requires_grad_(False)
    pixels, kept = torch.rand(2, 3, 9, 8, requires_grad=True), list[torch.Tensor]()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        answer = convolved(layer, layer.forward, pixels)
    assert not kept
    (wanted,) = torch.autograd.grad(layer(pixels).square().sum(), pixels)
    (found,) = torch.autograd.grad(answer.square().sum(), pixels)
    torch.testing.assert_close(found, wanted)


def test_a_convolution_that_learns_is_left_alone() -> None:
    layer, pixels = torch.nn.Conv2d(3, 4, 3), torch.rand(1, 3, 5, 5, requires_grad=True)
    convolved(layer, layer.forward, pixels).sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.parametrize("time", ["default", "scale_shift"])
def test_a_unet_that_keeps_little_has_the_same_gradient(time: Literal["default", "scale_shift"]) -> None:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=4,
        resnet_time_scale_shift=time,
    )
    unet.eval().requires_grad_(False)
    wanted, much = slope_of(unet)
    keep_little(unet)
    found, little = slope_of(unet)
    assert wanted.abs().max() > 0
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    assert little < 0.6 * much


def slope_of(unet: UNet2DConditionModel) -> tuple[torch.Tensor, int]:
    """The gradient in a text, and how many numbers were kept for it."""
    draws, kept = torch.Generator().manual_seed(1), [0]
    noisy = torch.randn(2, 4, 8, 8, generator=draws)
    text = torch.randn(2, 5, 8, generator=draws).requires_grad_()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[0] += tensor.nelement() * (not isinstance(tensor, torch.nn.Parameter))
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        answer = unet(noisy, torch.tensor([5, 500]), text).sample
    answer.square().sum().backward()
    assert text.grad is not None
    return text.grad, kept[0]

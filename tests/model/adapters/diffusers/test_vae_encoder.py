"""A hastened encoder gives the latents it gave."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from diffusers import AutoencoderKL

from model.adapters.diffusers.vae_encoder import CELLS, CHANNELS, convolved, hasten, in_parts, normalised


def encoder(channels: int) -> AutoencoderKL:
    """An autoencoder of two levels."""
    torch.manual_seed(0)
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    vae = AutoencoderKL(**kinds, block_out_channels=(channels, channels), norm_num_groups=8)
    return vae.eval().requires_grad_(False)


def picture(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def latents(vae: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    mean: torch.Tensor = vae.encode(pixels).latent_dist.mean
    return mean


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def test_large_pictures_give_the_same_latents_within_float32() -> None:
    plain, pixels = encoder(CHANNELS), picture(2, 3, 66, 70)
    exact = latents(deepcopy(plain).double(), pixels.double())
    hasten(plain)
    assert error(latents(plain, pixels), exact) < 1e-5


def test_small_pictures_and_narrow_layers_give_the_same_latents_to_the_last_digit() -> None:
    for channels, side in ((CHANNELS, 32), (CHANNELS // 2, 80)):
        plain, pixels = encoder(channels), picture(1, 3, side, side)
        before = latents(plain, pixels)
        hasten(plain)
        assert torch.equal(latents(plain, pixels), before)


def test_half_precision_is_as_near_to_float32_as_before() -> None:
    plain, pixels = encoder(CHANNELS), picture(1, 3, 64, 64)
    exact, half = latents(plain, pixels), plain.to(torch.bfloat16)
    before = latents(half, pixels.bfloat16())
    hasten(half)
    after = latents(half, pixels.bfloat16())
    assert after.dtype == torch.bfloat16
    assert error(after, exact) < 1.2 * error(before, exact)


def test_a_gradient_in_the_picture_is_the_same() -> None:
    plain, pixels = encoder(CHANNELS), picture(1, 3, 64, 64).requires_grad_()
    (wanted,) = torch.autograd.grad(latents(plain, pixels).square().sum(), pixels)
    hasten(plain)
    (found,) = torch.autograd.grad(latents(plain, pixels).square().sum(), pixels)
    assert wanted.abs().max() > 0
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("layer", "dtype", "own"),
    [
        (torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), torch.float32, False),
        (torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), torch.bfloat16, True),
        (torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, stride=2), torch.float32, True),
        (torch.nn.Conv2d(CHANNELS, CHANNELS, 1), torch.float32, True),
        (torch.nn.Conv2d(3, CHANNELS, 3, padding=1), torch.float32, True),
    ],
)
def test_winograds_layers_are_3x3_in_float32_and_all_put_out_channels_last(
    layer: torch.nn.Conv2d, dtype: torch.dtype, own: bool
) -> None:
    layer, pixels = layer.to(dtype).requires_grad_(False), picture(1, layer.in_channels, 64, 64).to(dtype)
    called = list[torch.Tensor]()

    def forward(given: torch.Tensor) -> torch.Tensor:
        called.append(given)
        return torch.nn.Conv2d.forward(layer, given)

    answer = convolved(layer, forward, pixels)
    assert bool(called) == own
    assert answer.is_contiguous(memory_format=torch.channels_last)


def test_normalisation_does_not_drift_with_the_number_of_cells() -> None:
    norm = torch.nn.GroupNorm(8, CHANNELS).requires_grad_(False)
    norm.weight.copy_(picture(CHANNELS))
    norm.bias.copy_(picture(CHANNELS) + 1)
    pixels = (picture(2, CHANNELS, 96, 80) * 3 + 5).to(memory_format=torch.channels_last)
    assert pixels.shape[2:].numel() > CELLS
    exact = deepcopy(norm).double()(pixels.double())
    assert error(normalised(norm, norm.forward, pixels), exact) < 5e-7


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-6), (torch.bfloat16, 0.01)])
def test_groups_normalised_in_parts_are_torch_s_own(dtype: torch.dtype, error: float) -> None:
    norm = torch.nn.GroupNorm(4, 16).requires_grad_(False)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    pixels = 5 + 3 * torch.randn(2, 16, 32, 24, generator=torch.Generator().manual_seed(0))
    expected, found = norm(pixels), in_parts(norm.to(dtype), pixels.to(dtype))
    assert found.dtype is dtype
    assert (found - expected).norm() / expected.norm() < error

"""Winograd's convolution gives what the definition gives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.adapters.diffusers import winograd

SIZES = st.integers(1, 40)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), SIZES, SIZES)
def test_any_size_is_convolved_as_torch_does(batch: int, channels: int, features: int, height: int, width: int) -> None:
    pixels, weight, bias = drawn(batch, channels, height, width), drawn(features, channels, 3, 3), drawn(features)
    expected = torch.conv2d(pixels.double(), weight.double(), bias.double(), padding=1)
    found = winograd.convolved(pixels, weight, bias)
    assert found.shape == expected.shape
    assert error(found, expected) < 1e-5


@pytest.mark.parametrize("size", [(96, 96), (67, 93)])
def test_more_tiles_than_are_transformed_at_once_make_no_seam(size: tuple[int, int]) -> None:
    assert size[0] * size[1] > winograd.TILES * 16
    pixels, weight = drawn(1, 5, *size), drawn(6, 5, 3, 3)
    expected = torch.conv2d(pixels.double(), weight.double(), padding=1)
    assert error(winograd.convolved(pixels, weight, None), expected) < 1e-5


def test_pictures_come_channels_last_from_either_layout() -> None:
    pixels, weight, bias = drawn(2, 8, 16, 24), drawn(4, 8, 3, 3), drawn(4)
    plain, last = (
        winograd.convolved(each, weight, bias) for each in (pixels, pixels.to(memory_format=torch.channels_last))
    )
    assert torch.equal(plain, last)
    assert plain.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_transformed_into_the_products_of_36_points() -> None:
    centre = torch.zeros(1, 1, 3, 3)
    centre[0, 0, 1, 1] = 1
    assert winograd.transformed(centre).shape == (36, 1, 1)
    down = torch.tensor([0, -1, 1, 2, -2, 0]) / torch.tensor([4, 6, 6, 24, 24, 1])  # of the kernel (0, 1, 0)
    torch.testing.assert_close(winograd.transformed(centre).view(6, 6), down[:, None] * down)


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Conv2d(8, 8, 3, padding=1, stride=2),
        torch.nn.Conv2d(8, 8, 1),
        torch.nn.Conv2d(8, 8, 3),
        torch.nn.Conv2d(8, 8, 3, padding=1, groups=2),
        torch.nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        torch.nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_another_kind_of_layer_does_not_fit(layer: torch.nn.Conv2d) -> None:
    assert winograd.fits(torch.nn.Conv2d(8, 8, 3, padding=1))
    assert not winograd.fits(layer)

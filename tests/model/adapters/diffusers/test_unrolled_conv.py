"""Convolutions as matrix products, against torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from model.adapters.diffusers.unrolled_conv import convolved, pays

MANY = 1024  # channels


def layer(channels: int = MANY, padding: int = 1, **others: Any) -> torch.nn.Conv2d:
    torch.manual_seed(0)
    return torch.nn.Conv2d(channels, channels, 3, padding=padding, **others).requires_grad_(False)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 3e-6), (torch.bfloat16, 0.01)])
@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 4, 2)])
def test_pictures_and_gradients_are_torch_s_own(dtype: torch.dtype, error: float, shape: tuple[int, ...]) -> None:
    conv, slope = layer().to(dtype), torch.randn(shape[0], MANY, *shape[1:]).to(dtype)
    pixels = torch.randn(shape[0], MANY, *shape[1:]).to(dtype).requires_grad_()
    found, expected = convolved(conv, pixels), conv(pixels)
    assert apart(found, expected) < error
    gradients = [torch.autograd.grad(each, pixels, slope)[0] for each in (found, expected)]
    assert apart(*gradients) < error


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).detach().float().norm() / other.detach().float().norm())


@pytest.mark.parametrize(
    ("conv", "dtype", "cells", "expected"),
    [
        (layer(), torch.float32, (14, 14), True),
        (layer(), torch.float32, (16, 16), False),
        (layer(), torch.bfloat16, (10, 10), True),
        (layer(), torch.bfloat16, (14, 14), False),
        (layer(), torch.float16, (4, 4), False),
        (layer(512), torch.float32, (4, 4), False),
        (layer(stride=2), torch.float32, (4, 4), False),
        (layer(padding=0), torch.float32, (4, 4), False),
        (layer(dilation=2), torch.float32, (4, 4), False),
        (layer(groups=4), torch.float32, (4, 4), False),
    ],
)
def test_it_pays_for_many_channels_and_few_cells(
    conv: torch.nn.Conv2d, dtype: torch.dtype, cells: tuple[int, int], expected: bool
) -> None:
    assert pays(conv, torch.empty(1, conv.in_channels, *cells, dtype=dtype)) is expected
    assert not pays(conv, torch.empty(1, conv.in_channels, *cells, dtype=dtype, device="meta"))


def test_pictures_of_a_batch_count_together() -> None:
    assert pays(layer(), torch.empty(3, MANY, 8, 8))
    assert not pays(layer(), torch.empty(4, MANY, 8, 8))

"""A frozen autoencoder's encoder, which takes half of a picture's time: on a CPU large pictures channels last.

In half precision torch's convolutions are faster so; in float32 Winograd's (winograd.py) takes the place of most.
Residual blocks activate and add in place. Small pictures are computed as before, to the last digit. On a CUDA device
only the normalisations are ours: torch's took half of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch.nn import functional

from model.adapters.diffusers import winograd

Forward = Callable[[torch.Tensor], torch.Tensor]

CHANNELS, CELLS = 128, 64**2  # ours, measured on two cores with AVX-512: with fewer of either little is gained
CHUNK = 2**18  # numbers normalised at once, 1 MB
PARTS = 64  # of a group, each added up by itself on a CUDA device; ours
FEW = 2**18  # numbers in a group that are too few for it; ours


def hasten(vae: AutoencoderKL) -> None:
    """Have an encoder with frozen weights take less time and memory, where no gradient is asked for."""
    for module in vae.encoder.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.forward = partial(convolved, module, module.forward)  # type: ignore[method-assign]
        if isinstance(module, torch.nn.GroupNorm):
            module.forward = partial(normalised, module, module.forward)  # type: ignore[method-assign]
        if isinstance(module, ResnetBlock2D) and isinstance(module.nonlinearity, torch.nn.SiLU):
            module.forward = partial(added, module)


def large(pixels: torch.Tensor, channels: int) -> bool:
    """Whether pictures (B, c, h, w) are large enough, on a CPU, and without a gradient."""
    learning = torch.is_grad_enabled() and pixels.requires_grad
    size = pixels.ndim == 4 and channels >= CHANNELS and pixels.shape[2:].numel() >= CELLS
    return size and pixels.device.type == "cpu" and not learning


def convolved(layer: torch.nn.Conv2d, forward: Forward, pixels: torch.Tensor) -> torch.Tensor:
    """What a convolution makes of (B, c, h, w), channels last where large."""
    if not large(pixels, layer.out_channels):
        return forward(pixels)
    if winograd.fits(layer) and layer.in_channels >= CHANNELS and pixels.dtype == torch.float32:
        return winograd.convolved(pixels, layer.weight, layer.bias)
    return forward(pixels.contiguous(memory_format=torch.channels_last))


def added(block: ResnetBlock2D, pixels: torch.Tensor, temb: None) -> torch.Tensor:  # noqa: ARG001
    """A residual block of an autoencoder, which has no timestep: three pictures at most in memory, not four."""
    hidden = block.conv2(_activated(block.norm2, block.conv1(_activated(block.norm1, pixels))))  # no name holds a part
    return hidden.add_(pixels if block.conv_shortcut is None else block.conv_shortcut(pixels))  # type: ignore[no-any-return]


def _activated(norm: torch.nn.GroupNorm, pixels: torch.Tensor) -> torch.Tensor:
    return functional.silu(norm(pixels), inplace=True)


def normalised(norm: torch.nn.GroupNorm, forward: Forward, pixels: torch.Tensor) -> torch.Tensor:
    """Group normalisation of (B, c, h, w). torch's own, channels last, adds up 10**6 numbers one by one in float32."""
    if pixels.device.type == "cuda" and pixels[0].numel() >= FEW * norm.num_groups:
        return in_parts(norm, pixels)
    if pixels.dtype != torch.float32 or not large(pixels, norm.num_channels):
        return forward(pixels)
    cells = pixels.permute(0, 2, 3, 1).flatten(1, 2).contiguous()
    answer = torch.empty_like(cells)
    for picture, target in zip(cells, answer, strict=True):
        parts = picture.split(CHUNK // norm.num_channels)
        sums = torch.stack([torch.stack((part.sum(0), part.square().sum(0))) for part in parts]).double().sum(0)
        mean, square = (sums / len(picture)).unflatten(1, (norm.num_groups, -1)).mean(2, keepdim=True)
        scale = norm.weight.unflatten(0, (norm.num_groups, -1)) * (square - mean**2 + norm.eps).rsqrt()
        shift = norm.bias - (mean * scale).flatten()
        for part, end in zip(parts, target.split(CHUNK // norm.num_channels), strict=True):
            torch.addcmul(shift.float(), part, scale.flatten().float(), out=end)
    return answer.view(len(answer), *pixels.shape[2:], -1).permute(0, 3, 1, 2)


def in_parts(norm: torch.nn.GroupNorm, pixels: torch.Tensor) -> torch.Tensor:
    """Group normalisation of (B, c, h, w) where a group is large. torch's own has one block of threads for each group:
    32 of a picture, on a card that holds a thousand.
    """
    rows = pixels.reshape(len(pixels) * norm.num_groups, PARTS, -1)
    sums, squares = rows.sum(2, dtype=torch.float32), torch.linalg.vector_norm(rows, dim=2, dtype=torch.float32) ** 2
    mean, square = (each.sum(1) / rows[0].numel() for each in (sums, squares))
    channels, alike = len(pixels) * norm.num_channels, norm.num_channels // norm.num_groups
    centre, spread = (each.repeat_interleave(alike) for each in (mean, (square - mean**2).clamp(min=0)))
    weight, bias = (each.float().repeat(len(pixels)) for each in (norm.weight, norm.bias))
    flat = pixels.reshape(1, channels, *pixels.shape[2:])
    return functional.batch_norm(flat, centre, spread, weight, bias, eps=norm.eps).view_as(pixels)  # one pass

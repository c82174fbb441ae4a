"""Convolutions of few cells with many channels as one matrix product (im2col), for CPUs.

oneDNN puts a layer's weights into an order of its own at each call, which takes longer than the convolution itself
where a picture has few cells: a third of the rate of larger pictures at 8 x 8 cells of Stable Diffusion's UNet.
"""

from __future__ import annotations

import torch
from torch.nn import functional

WEIGHTS = 2**20  # numbers for each of the nine places; the order of smaller layers costs nothing. Ours, as the next
CHANNELS_A_CELL = {torch.float32: 5, torch.bfloat16: 10}  # from which it pays, measured on two cores with AVX-512


def pays(layer: torch.nn.Conv2d, pixels: torch.Tensor) -> bool:
    """Whether the product is quicker for pictures (B, c, h, w), where the layer can be written as one."""
    if pixels.device.type != "cpu" or pixels.ndim != 4 or layer.in_channels * layer.out_channels < WEIGHTS:
        return False
    cells, least = len(pixels) * pixels.shape[2:].numel(), CHANNELS_A_CELL.get(pixels.dtype, torch.inf)
    plain = (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
    return plain and layer.groups == 1 and layer.bias is not None and layer.in_channels >= least * cells


def convolved(layer: torch.nn.Conv2d, pixels: torch.Tensor) -> torch.Tensor:
    """What the layer makes of (B, c, h, w). With frozen weights nothing is kept for gradients in the pictures."""
    assert layer.bias is not None, "a layer without a bias does not pay"
    weights, columns = layer.weight.flatten(1), functional.unfold(pixels, 3, padding=1)
    product = torch.baddbmm(layer.bias[None, :, None], weights.expand(len(pixels), -1, -1), columns)
    return product.view(len(pixels), -1, *pixels.shape[2:])

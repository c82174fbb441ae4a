"""Convolution of large pictures with fewer multiplications: Winograd's F(4 x 4, 3 x 3) in plain torch, for CPUs.

After Lavin and Gray, arXiv 1509.09308, with the points 0, 1, -1, 2, -2 and infinity: 16 outputs come from 36 products
where the definition takes 144. oneDNN has it on x86 no longer. A layer's relative error in float32 is 2e-6 where
oneDNN's is 2e-7. Transformed weights would be four times the weights: each call makes them again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

SIDE, REACH = 4, 6  # of a tile put out, and of the part of the picture that it depends on
KERNEL = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))  # in 24ths
INTO = torch.tensor(
    (
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    dtype=torch.float32,
)
OUT_OF = torch.tensor(
    ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)), dtype=torch.float32
)
ONES = REACH + 1  # the product of point 1 down and point 1 across: each of a tile's outputs holds it once
TILES = 256  # transformed at once, 5 MB with 128 channels. Ours, measured


@dataclass(frozen=True, slots=True)
class _Room:
    """Memory for r rows of t tiles, used again and again: asking for it anew costs up to a fifth of the time.

    slab (4 r + 2, 4 t + 2, c), down (6, r, ..), tiles (6, 6, r, t, c) and points (36, r * t, c) of the input; products
    (36, r * t, d), up (4, ..) and cells (4, 4, r, t, d) of the output.
    """

    slab: torch.Tensor
    down: torch.Tensor
    tiles: torch.Tensor
    points: torch.Tensor
    products: torch.Tensor
    up: torch.Tensor
    cells: torch.Tensor


def _room(rows: int, across: int, channels: int, features: int) -> _Room:
    width, count = SIDE * across + 2, rows * across
    return _Room(
        slab=torch.zeros(SIDE * rows + 2, width, channels),
        down=torch.empty(REACH, rows, width * channels),
        tiles=torch.empty(REACH, REACH, rows, across, channels),
        points=torch.empty(REACH**2, count, channels),
        products=torch.empty(REACH**2, count, features),
        up=torch.empty(SIDE, REACH * count * features),
        cells=torch.empty(SIDE, SIDE, rows, across, features),
    )


def fits(layer: torch.nn.Conv2d) -> bool:
    """Whether a layer is of the one kind that `convolved` knows."""
    shape = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups
    return shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1) and layer.padding_mode == "zeros"


def convolved(pixels: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Pictures (B, c, h, w) by weights (d, c, 3, 3), zeros around: (B, d, h, w), channels last. All in float32.

    Some rows of tiles at a time, so that what is transformed stays in the processor's cache. No gradients.
    """
    batch, channels, height, width = pixels.shape
    down, across = -(-height // SIDE), -(-width // SIDE)
    rows, kernels = min(down, max(1, TILES // across)), transformed(weight)
    answer = pixels.new_empty(batch, SIDE * down, SIDE * across, len(weight))
    room = _room(rows, across, channels, len(weight))
    for picture, target in zip(pixels.permute(0, 2, 3, 1), answer, strict=True):
        for first in range(0, down, rows):
            top = SIDE * min(first, down - rows)  # some of the last rows may be done twice
            _fill(room.slab, picture, top - 1)
            _transform(room)
            torch.bmm(room.points, kernels, out=room.products)
            if bias is not None:
                room.products[ONES] += bias
            _put(room, target[top : top + SIDE * rows])
    return answer.permute(0, 3, 1, 2)[:, :, :height, :width]


def transformed(weight: torch.Tensor) -> torch.Tensor:
    """Weights (d, c, 3, 3) as 36 matrices (36, c, d)."""
    kernel = torch.tensor(KERNEL, dtype=torch.float64) / 24
    both = torch.kron(kernel, kernel).to(weight)
    products = both @ weight.reshape(-1, 9).T
    return products.view(REACH**2, *weight.shape[:2]).transpose(1, 2)


def _fill(slab: torch.Tensor, picture: torch.Tensor, top: int) -> None:
    """Copy rows of a picture (h, w, c) from `top` on into a slab that begins one column earlier, zeros outside."""
    height, width, _ = picture.shape
    low, high = max(top, 0), min(top + len(slab), height)
    slab[: low - top].zero_()
    slab[high - top :].zero_()
    slab[low - top : high - top, 1 : width + 1] = picture[low:high]


def _transform(room: _Room) -> None:
    """From the slab to its overlapping tiles' points."""
    rows, channels = room.tiles.shape[2], room.tiles.shape[4]
    for row in range(rows):
        torch.mm(INTO, room.slab[SIDE * row : SIDE * row + REACH].flatten(1), out=room.down[:, row])
    tall, long, _ = room.down.stride()
    room.tiles.copy_(room.down.as_strided(room.tiles.shape, (tall, channels, long, SIDE * channels, 1)))
    torch.matmul(INTO, room.tiles.flatten(2), out=room.points.view(REACH, REACH, -1))


def _put(room: _Room, target: torch.Tensor) -> None:
    """From products back into rows (4 r, 4 t, d) of a picture."""
    torch.mm(OUT_OF, room.products.view(REACH, -1), out=room.up)
    torch.matmul(OUT_OF, room.up.view(SIDE, REACH, -1), out=room.cells.flatten(2))
    _, _, rows, across, features = room.cells.shape
    target.view(rows, SIDE, across, SIDE, features).copy_(room.cells.permute(2, 0, 3, 1, 4))

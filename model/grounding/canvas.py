"""Geometry: the image <-> the backbone's square canvas <-> the attention grid.

The canvas is the image squashed to a square, aspect not kept (iSeg), so a grid cell (row, column) of a (g, g) grid
covers the image's rectangle of H/g x W/g pixels at that place. No other code converts between these frames.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from torch.nn import functional

from model.types import Image

SLIM = 8  # heuristic: canvas sides from which the height of a narrow picture is reduced before its width grows


def to_canvas(image: Image, side: int) -> Image:
    """Squash an image (H, W, 3) to (side, side, 3)."""
    picture = Pictures.fromarray(image)
    if picture.width < side and picture.height > SLIM * side:  # Pillow widens first: side x H pixels on the way
        picture = picture.resize((picture.width, side), Pictures.Resampling.BICUBIC)
    return np.array(picture.resize((side, side), Pictures.Resampling.BICUBIC))


def resize_maps(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bring maps (P, h, w) to (P, *size), bilinear."""
    return functional.interpolate(maps[None].float(), size, mode="bilinear", align_corners=False)[0]


def cell_centre(cell: tuple[float, float], grid: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """The image point (X, Y) at the centre of a (row, column) cell of a grid over an image of `size` (H, W)."""
    return (cell[1] + 0.5) * size[1] / grid[1], (cell[0] + 0.5) * size[0] / grid[0]


def cell_of(x: float, y: float, grid: int, size: tuple[int, int]) -> tuple[int, int]:
    """The (row, column) of the cell that an image point lies in."""
    return min(int(y * grid / size[0]), grid - 1), min(int(x * grid / size[1]), grid - 1)


def line_cells(corners: Sequence[tuple[float, float]], grid: int, size: tuple[int, int]) -> list[tuple[int, int]]:
    """The (row, column) of every cell that a line through image points (X, Y) visits, in order, each once."""
    points = np.array(corners, np.float64)
    inside = points * grid / np.array((size[1], size[0]))
    middles = [_crossed(one, other) for one, other in itertools.pairwise(inside)] or [inside]
    cells = np.concatenate(middles).astype(int).clip(0, grid - 1)
    return list(dict.fromkeys((int(row), int(column)) for column, row in cells))


def _crossed(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """One point (X, Y), in units of cells, in every cell that the straight line between two points crosses."""
    cuts = [np.array((0.0, 1.0))]
    for start, end in zip(one, other, strict=True):
        edges = np.arange(np.ceil(min(start, end)), np.floor(max(start, end)) + 1)
        cuts += [(edges - start) / (end - start)] if start != end else []
    shares = np.unique(np.concatenate(cuts))
    return np.asarray(one + (shares[:-1] + shares[1:])[:, None] / 2 * (other - one))


def lattice(grid: int, count: int) -> torch.Tensor:
    """The numbers of count x count cells spread evenly over a (grid, grid) grid; all cells where it has no more."""
    lines = ((torch.arange(min(count, grid)) + 0.5) * grid / min(count, grid)).long()
    return (lines[:, None] * grid + lines).flatten()


def strongest(maps: torch.Tensor, size: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Which of maps (K, g, g) is greatest at each pixel (H, W) of an image, the first of equals, and its value there.

    Maps are enlarged one at a time, so that many classes on a large picture need no (K, H, W) array.
    """
    most = resize_maps(maps[:1], size)[0]
    number = torch.zeros(size, dtype=torch.int32, device=maps.device)
    for at in range(1, len(maps)):
        shown = resize_maps(maps[at : at + 1], size)[0]
        number[shown > most] = at
        most = torch.maximum(most, shown)
    return number.cpu().numpy(), most.cpu().numpy()

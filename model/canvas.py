"""Geometry: the image <-> the backbone's square canvas <-> the attention grid.

The canvas is the image squashed to a square, aspect not kept (iSeg), so a grid cell (row, column) of a (g, g) grid
covers the image's rectangle of H/g x W/g pixels at that place. No other code converts between these frames.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw
from torch.nn import functional

from model.values import Box, Image, Mask


def to_canvas(image: Image, side: int) -> Image:
    """Squash an image (H, W, 3) to (side, side, 3)."""
    return np.array(Pictures.fromarray(image).resize((side, side), Pictures.Resampling.BICUBIC))


def resize_maps(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bring maps (P, h, w) to (P, *size), bilinear."""
    return functional.interpolate(maps[None].float(), size, mode="bilinear", align_corners=False)[0]


def cell_centre(cell: tuple[float, float], grid: tuple[int, int], size: tuple[int, int]) -> tuple[float, float]:
    """The image point (X, Y) at the centre of a (row, column) cell of a grid over an image of `size` (H, W)."""
    return (cell[1] + 0.5) * size[1] / grid[1], (cell[0] + 0.5) * size[0] / grid[0]


def cell_of(x: float, y: float, grid: int, size: tuple[int, int]) -> tuple[int, int]:
    """The (row, column) of the cell that an image point lies in."""
    return min(int(y * grid / size[0]), grid - 1), min(int(x * grid / size[1]), grid - 1)


def corners(box: Box) -> NDArray[np.float64]:
    """The four corners (4, 2) XY of a box turned clockwise about (x0, y0), in order."""
    angle = np.deg2rad(box.rotation)
    offsets = np.array([(0, 0), (box.x1 - box.x0, 0), (box.x1 - box.x0, box.y1 - box.y0), (0, box.y1 - box.y0)])
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return np.asarray((box.x0, box.y0) + offsets @ turn, np.float64)


def bounds(box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
    """The upright XYXY rectangle (4,) around a box, clipped to an image of `size` (H, W)."""
    points = corners(box)
    limits = np.array((size[1], size[0]))
    return np.asarray([*points.min(0).clip(0, limits), *points.max(0).clip(0, limits)], np.float32)


def box_mask(box: Box, frame: tuple[int, int], size: tuple[int, int]) -> Mask:
    """The cells (h, w) of a frame over an image of `size` whose centres a box covers."""
    scale = np.array((frame[1] / size[1], frame[0] / size[0]))
    picture = Pictures.new("1", (frame[1], frame[0]))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in corners(box) * scale - 0.5], fill=1)
    return np.array(picture, np.bool_)

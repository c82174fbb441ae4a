"""Boxes and masks in image pixels, without tensors: the HTTP side measures with the same functions as the engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw

from model.values import Box, Mask


def corners(box: Box) -> NDArray[np.float64]:
    """The four corners (4, 2) XY of a box turned clockwise about (x0, y0), in order."""
    offsets = np.array([(0, 0), (box.x1 - box.x0, 0), (box.x1 - box.x0, box.y1 - box.y0), (0, box.y1 - box.y0)])
    return np.asarray((box.x0, box.y0) + offsets @ _turn(box.rotation), np.float64)


def extent(box: Box) -> NDArray[np.float64]:
    """The upright XYXY rectangle (4,) around a box, wherever it lies."""
    points = corners(box)
    return np.concatenate([points.min(0), points.max(0)])


def bounds(box: Box, size: tuple[int, int]) -> NDArray[np.float32]:
    """The upright XYXY rectangle (4,) around a box, clipped to an image of `size` (H, W)."""
    return extent(box).clip(0, (size[1], size[0]) * 2).astype(np.float32)


def holds(box: Box, x: float, y: float) -> bool:
    """Whether a point lies in a box or on its rim."""
    across, down = np.array((x - box.x0, y - box.y0)) @ _turn(-box.rotation)
    return bool(0 <= across <= box.x1 - box.x0 and 0 <= down <= box.y1 - box.y0)


def box_mask(box: Box, frame: tuple[int, int], size: tuple[int, int]) -> Mask:
    """The cells (h, w) of a frame over an image of `size` whose centres a box covers."""
    scale = np.array((frame[1] / size[1], frame[0] / size[0]))
    picture = Pictures.new("1", (frame[1], frame[0]))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in corners(box) * scale - 0.5], fill=1)
    return np.array(picture, np.bool_)


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks of one shape; 1 where both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def _turn(degrees: float) -> NDArray[np.float64]:
    """The matrix (2, 2) that turns XY rows clockwise, as seen with y downwards."""
    angle = np.deg2rad(degrees)
    return np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])

"""Boxes and masks in image pixels, without tensors: the HTTP side measures with the same functions as the engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.types import Box, Mask, Point


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


def ordered(box: Box) -> Box:
    """The same rectangle with its corners in order: x0 <= x1 and y0 <= y1 along its own axes."""
    across, down = min(box.x1 - box.x0, 0.0), min(box.y1 - box.y0, 0.0)
    x0, y0 = (float(each) for each in (box.x0, box.y0) + np.array((across, down)) @ _turn(box.rotation))
    return Box(x0, y0, x0 + abs(box.x1 - box.x0), y0 + abs(box.y1 - box.y0), box.rotation)


def grown(box: Box, points: Sequence[Point], share: float, least: float) -> Box:
    """A box that also reaches `points`, each side moved outwards by a share of its length, `least` pixels or more."""
    whole = ordered(box)
    inside = np.array([(point.x - whole.x0, point.y - whole.y0) for point in points]).reshape(-1, 2)
    reached = np.concatenate([inside @ _turn(-whole.rotation), [(0, 0), (whole.x1 - whole.x0, whole.y1 - whole.y0)]])
    low, high = reached.min(0), reached.max(0)
    more = np.maximum(share * (high - low), least)
    (x0, y0), (width, height) = (whole.x0, whole.y0) + (low - more) @ _turn(whole.rotation), high - low + 2 * more
    return Box(float(x0), float(y0), float(x0 + width), float(y0 + height), whole.rotation)


def box_mask(box: Box, frame: tuple[int, int], size: tuple[int, int]) -> Mask:
    """The cells (h, w) of a frame over an image of `size` whose centres a box covers."""
    return polygon_mask(corners(box) * (frame[1] / size[1], frame[0] / size[0]), frame)


def polygon_mask(outline: NDArray[np.float64], size: tuple[int, int]) -> Mask:
    """The pixels (H, W) whose centres a closed outline (N, 2) XY goes round, once or an odd number of times.

    Libraries that draw polygons also fill the pixels that the outline touches: 121 for a square of 10 x 10.
    """
    turns = np.zeros((size[0], size[1] + 1), np.uint8)  # odd where the inside begins or ends
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        first, last = sorted(np.ceil(np.clip((y0, y1), 0, size[0]) - 0.5).astype(int))
        rows = np.arange(max(first, 0), last)
        crossed = x0 + (rows + 0.5 - y0) / (y1 - y0) * (x1 - x0) if len(rows) else np.empty(0)
        turns[rows, np.ceil(crossed - 0.5).clip(0, size[1]).astype(int)] ^= 1
    return np.bitwise_xor.accumulate(turns, axis=1)[:, :-1].astype(np.bool_)


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks of one shape; 1 where both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def _turn(degrees: float) -> NDArray[np.float64]:
    """The matrix (2, 2) that turns XY rows clockwise, as seen with y downwards."""
    angle = np.deg2rad(degrees)
    return np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])

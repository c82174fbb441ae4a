"""How well found objects agree with annotators' objects, in a small frame over the whole picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from model.geometry import iou
from model.types import Mask

LONGEST = 256  # cells along a picture's longer side, as in the low-resolution frame of SAM's published sizes


def frame_of(size: tuple[int, int]) -> tuple[int, int]:
    """The frame (h, w) that masks of a picture of `size` (H, W) are compared in; a small picture is its own frame."""
    scale = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def framed(mask: Mask, frame: tuple[int, int]) -> Mask:
    """A mask (H, W) in a frame (h, w): the cells that it covers by half or more."""
    if mask.shape == frame:
        return mask
    shrinks = mask.shape[0] >= frame[0] and mask.shape[1] >= frame[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask.astype(np.float32), frame[::-1], interpolation=way) >= 0.5)


def overlaps(some: Sequence[Mask], others: Sequence[Mask]) -> NDArray[np.float64]:
    """IoUs (N, M) of masks of one shape."""
    return np.array([[iou(one, other) for other in others] for one in some], np.float64).reshape(len(some), len(others))


def score(wanted: Sequence[Mask], found: Sequence[Mask]) -> float:
    """Sum of the IoUs of objects matched one to one, over the larger number of objects; 1 where there are none.

    0..1: an object that is missed and one that nobody wanted both cost their share (ours).
    """
    if not wanted or not found:
        return float(not wanted and not found)
    table = overlaps(wanted, found)
    return float(table[linear_sum_assignment(table, maximize=True)].sum()) / max(table.shape)

"""How far an answer to a box may reach: the box, a little more on each side, and the annotator's points beyond it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.geometry import box_mask, extent, grown
from model.masks.hint_prompts import marks
from model.types import Box, Hint, Mask

SLACK = 0.1  # of a box's side, by which a mask may pass it: people draw boxes a little too tight
LEAST_SLACK = 2.0  # pixels
TOUCHED = 0.49  # of a cell: logits whose cell the limits overlap stay, also those of a box thinner than a cell
WHOLE = 0.97  # heuristic: share of the picture from which the mask of a click is rarely one object
NOTHING_INSIDE = "no object found inside the box: draw it more closely around the object, or click on the object"
NEARLY_WHOLE = (
    "the mask covers nearly the whole picture: draw a box around the object, or Alt+click what does not belong to it"
)


def limits_of(hint: Hint, size: tuple[int, int]) -> Box | None:
    """The rectangle that the answer to a hint stays inside, along the box's own axes; None for a hint without a box."""
    if hint.box is None:
        return None
    points = [point for point in marks(hint, size) if point.positive]
    return grown(hint.box, points, SLACK, LEAST_SLACK)


def clipped(mask: Mask, limits: Box) -> Mask:
    """The part of a mask (H, W) that lies inside the limits."""
    height, width = mask.shape
    x0, y0, x1, y1 = extent(limits).clip(0, (width, height) * 2)
    window = np.s_[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))]
    found = np.zeros_like(mask)
    found[window] = mask[window] & _covered(limits, mask[window].shape, (window[1].start, window[0].start))
    return found


def _covered(limits: Box, size: tuple[int, ...], corner: tuple[int, int]) -> Mask:
    """The pixels (h, w) of a window whose first one is at `corner` (X, Y) that the limits cover."""
    x, y = corner
    moved = Box(limits.x0 - x, limits.y0 - y, limits.x1 - x, limits.y1 - y, limits.rotation)
    return box_mask(moved, (size[0], size[1]), (size[0], size[1]))


def inside(logits: NDArray[np.float32], limits: Box | None, size: tuple[int, int]) -> NDArray[np.float32]:
    """SAM's logits (h, w) for a picture of `size` (H, W), off the object outside the limits.

    A later click refines what the annotator saw, so what was cut off must not come back with it.
    """
    if limits is None:
        return logits
    touched = grown(limits, (), 0.0, TOUCHED * _span(limits, max(size) / max(logits.shape)))
    outside = ~box_mask(touched, (logits.shape[0], logits.shape[1]), (max(size), max(size)))
    return np.where(outside & (logits > 0), -logits, logits) if (logits[outside] > 0).any() else logits


def _span(box: Box, side: float) -> float:
    """How long a square of the picture's grid is along a turned box's axes."""
    angle = np.deg2rad(box.rotation)
    return float(side * (abs(np.cos(angle)) + abs(np.sin(angle))))


def within(hint: Hint, size: tuple[int, int]) -> Hint:
    """The hint with the mask that it refines cut to its limits, and without it where the box has left it behind.

    An annotator may drag or resize a box between two requests.
    """
    limits = limits_of(hint, size)
    if hint.previous is None or limits is None:
        return hint
    previous = inside(hint.previous, limits, size)
    return replace(hint, previous=previous if (previous > 0).any() else None)


def remark_on(hint: Hint) -> Callable[[Mask], str]:
    """What an annotator should know of a hint's mask: a box that holds nothing, a click that took nearly everything."""
    return _of_a_box if hint.box is not None else _of_a_click


def _of_a_box(mask: Mask) -> str:
    return "" if mask.any() else NOTHING_INSIDE


def _of_a_click(mask: Mask) -> str:
    return NEARLY_WHOLE if np.count_nonzero(mask) > WHOLE * mask.size else ""

"""A simulated annotator: clicks at the centre of the largest error until the mask is good enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.evaluation.questions import click
from model.evaluation.records import Effort
from model.geometry import iou
from model.values import Hint, Mask, Point

GOAL = 0.9  # IoU, as in the literature on interactive segmentation (NoC@90)
MOST = 20  # an object that is not reached by then counts as so many clicks


def clicked_out(answer: Callable[[Hint], Mask], truth: Mask) -> Effort:
    """Click on an object (H, W) until `answer` to all clicks so far reaches 90 % IoU, twenty times at most."""
    points: tuple[Point, ...] = (click(truth),)
    mask = answer(Hint(points))
    first = reached = iou(mask, truth)
    while reached < GOAL and len(points) < MOST:
        points = (*points, correction(mask, truth))
        mask = answer(Hint(points))
        reached = iou(mask, truth)
    return Effort(len(points), first, reached >= GOAL)


def correction(mask: Mask, truth: Mask) -> Point:
    """The innermost pixel of the largest connected error: positive where something is missing, else negative."""
    missed, extra = _largest(truth & ~mask), _largest(mask & ~truth)
    positive = np.count_nonzero(missed) >= np.count_nonzero(extra)
    centre = click(missed if positive else extra)
    return Point(centre.x, centre.y, positive)


def _largest(errors: Mask) -> Mask:
    numbers: NDArray[np.int32]
    numbers, count = ndimage.label(errors)
    if not count:
        return errors
    return np.asarray(numbers == 1 + np.bincount(numbers.ravel())[1:].argmax())

"""A simulated annotator: clicks at the centre of the largest error until the mask is good enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.evaluation.records import Effort
from model.evaluation.scenarios.questions import click
from model.geometry import iou
from model.types import Answer, Hint, Mask, Point, Segment

GOAL = 0.9  # IoU, as in the literature on interactive segmentation (NoC@90)
MOST = 20  # an object that is not reached by then counts as so many clicks


def clicked_out(answer: Callable[[Hint], Answer], truth: Mask, given: Answer | None = None) -> Effort:
    """Click on an object (H, W) until what `answer` makes of all clicks reaches 90 % IoU, twenty times at most.

    Each click brings the logits of the answer before it along. `given` is what a text found: the segment that fits
    best is clicked into shape; where none touches the object the clicks begin from nothing.
    """
    segment = fitting(given, truth) if given else None
    mask = segment.mask if segment else np.zeros(truth.shape, np.bool_)
    points: tuple[Point, ...] = ()
    reached: list[float] = [iou(mask, truth)] if given else []
    while (not reached or reached[-1] < GOAL) and len(points) < MOST:
        points = (*points, correction(mask, truth))
        segment = fitting(answer(Hint(points, previous=segment.low_res_mask if segment else None)), truth)
        mask = segment.mask if segment else np.zeros(truth.shape, np.bool_)
        reached.append(iou(mask, truth))
    return Effort(len(points), reached[0], reached[-1] >= GOAL)


def fitting(answer: Answer, truth: Mask) -> Segment | None:
    """The segment that fits an object best; None where none touches it."""
    touching = [segment for segment in answer.segments if (segment.mask & truth).any()]
    return max(touching, key=lambda segment: iou(segment.mask, truth), default=None)


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

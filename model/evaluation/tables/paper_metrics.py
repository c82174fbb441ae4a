"""The measures of the papers, on numbers of pixels and on IoUs that were kept for each picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from model.evaluation.records import Area, ClassArea, TextReply

MATCHED = 0.5  # IoU from which a segment shows an object
RECALLS = np.linspace(0, 1, 101)  # at which COCO reads precision


def class_ious(counted: Iterable[ClassArea]) -> dict[str, float]:
    """IoU of each class that occurs in the truth, its pixels summed over the data set."""
    sums: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(3, np.int64))
    for each in counted:
        sums[each.name] += (each.both, each.found, each.true)
    return {name: float(both / (found + true - both)) for name, (both, found, true) in sums.items() if true}


def cumulative_iou(areas: Iterable[Area]) -> float:
    """cIoU: all intersections over all unions (RefCOCO). A false find on an absent object adds to the union."""
    listed = list(areas)
    either = sum(area.either for area in listed)
    return sum(area.both for area in listed) / either if either else 1.0


def general_iou(areas: Iterable[Area]) -> float:
    """gIoU: mean IoU over samples; an absent object counts 1 where nothing is found, else 0 (gRefCOCO, ReLA)."""
    return float(np.mean([area.iou for area in areas]))


def average_precision(replies: Sequence[TextReply], least: float = MATCHED) -> float:
    """AP at one IoU, class-agnostic, precision read at 101 recalls as COCO does; each reply is a picture of its own.

    GranDf's AP50 is this measure. Without any true object it is undefined, and nan.
    """
    objects = sum(reply.objects for reply in replies)
    if not objects:
        return float("nan")
    found = [pair for reply in replies for pair in _hits(reply, least)]
    order = np.argsort([-score for score, _ in found], kind="stable")
    hits = np.array([hit for _, hit in found], np.float64)[order] if found else np.zeros(0)
    recall = hits.cumsum() / objects
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(envelope[np.searchsorted(recall, RECALLS, side="left")].mean())


def _hits(reply: TextReply, least: float) -> list[tuple[float, bool]]:
    """Each segment's score and whether it shows an object that no surer one shows."""
    free, found = set(range(reply.objects)), []
    for at in np.argsort([-score for score in reply.scores], kind="stable"):
        overlaps = reply.overlaps[int(at)]
        best = max(free, key=lambda number: overlaps[number], default=None)
        hit = best is not None and overlaps[best] >= least
        if hit and best is not None:
            free.remove(best)
        found.append((reply.scores[int(at)], hit))
    return found


def pairs(overlaps: Sequence[Sequence[float]]) -> list[float]:
    """IoUs (N, M) of segments with objects paired one to one, best first, as long as any overlap is left (GLaMM)."""
    left = np.array(overlaps, np.float64)
    paired: list[float] = []
    while left.size and left.max() > 0:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        paired.append(float(left[row, column]))
        left = np.delete(np.delete(left, row, axis=0), column, axis=1)
    return paired


def matched_iou(replies: Sequence[TextReply]) -> float:
    """Mean IoU of the pairs of each text, then over texts, 0 where nothing pairs: GLaMM's mIoU, kind to misses."""
    means = [float(np.mean(paired)) if (paired := pairs(reply.overlaps)) else 0.0 for reply in replies]
    return float(np.mean(means))


def recall(replies: Sequence[TextReply], least: float = MATCHED) -> float:
    """Share of the objects that a segment shows, paired one to one by IoU."""
    shown = sum(iou >= least for reply in replies for iou in pairs(reply.overlaps))
    return shown / max(sum(reply.objects for reply in replies), 1)


def robustness(wordings: Iterable[Sequence[float]]) -> tuple[float, float]:
    """IoU over the ways to say one thing: its mean and its deviation, both averaged over things.

    Segment Anyword's motivational study plots the two for each picture; the deviation is over the population.
    """
    rows = [row for row in wordings if len(row) > 1]
    if not rows:
        return float("nan"), float("nan")
    return float(np.mean([np.mean(row) for row in rows])), float(np.mean([np.std(row) for row in rows]))

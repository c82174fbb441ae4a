"""One click on each segment of real photographs: our answer beside OpenCV's GrabCut from the same click.

    python -m model.evaluation photographs --photographs ../shared/data/bsds500-val

The folder holds photographs `N.jpg` and maps `N.png`, whose grey values number the segments that a person drew
(BSDS500). Nothing was trained on them and no constant chosen by them; that snapping borders helps (guided_filter.py)
was seen on the even-numbered ones, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from model.engine import Engine
from model.evaluation.scenarios.questions import click
from model.evaluation.tables.quality_figures import union
from model.geometry import iou
from model.types import Hint, Image, Mask, Point, Query

LEAST_SHARE = 0.02  # smaller segments are not asked for


@dataclass(frozen=True, slots=True)
class PhotographReport:
    """Mean IoU over all clicks, 0..1, of our answers and of GrabCut's."""

    clicks: int
    ours: float
    grabcut: float


def compare(engine: Engine, folder: Path, pictures: int | None = None) -> PhotographReport:
    """Click once on every segment above 2 % of each of the first `pictures` photographs, in order of their names."""
    ours, grabcut = [], []
    for image, truths in islice(photographs(folder), pictures):
        for truth in truths:
            point = click(truth)
            answer = engine.segment(image, Query(hints=(Hint((point,)),)))
            ours.append(iou(union(answer, truth.shape), truth))
            grabcut.append(iou(grabcut_mask(image, point), truth))
    return PhotographReport(len(ours), float(np.mean(ours)), float(np.mean(grabcut)))


def photographs(folder: Path) -> Iterator[tuple[Image, Iterator[Mask]]]:
    """Each photograph (H, W, 3) with the masks of its large segments, in order of their names."""
    for path in sorted(folder.glob("*.jpg")):
        image = np.asarray(Pictures.open(path).convert("RGB"))
        yield image, segments(np.asarray(Pictures.open(path.with_suffix(".png"))))


def segments(labels: NDArray[np.integer[Any]]) -> Iterator[Mask]:
    """Masks (H, W) of the numbered segments that are large enough."""
    numbers, areas = np.unique(labels, return_counts=True)
    yield from (labels == number for number in numbers[areas > LEAST_SHARE * labels.size])


def grabcut_mask(image: Image, point: Point) -> Mask:
    """GrabCut's answer (H, W) to one click.

    A small disc about the click is surely the object, a larger one probably, the rest probably not; of the answer
    only the part that the click lies in counts, since colours alone also find scattered specks.
    """
    side = max(image.shape[:2])
    hints = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)
    at = int(point.x), int(point.y)
    cv2.circle(hints, at, round(0.15 * side), cv2.GC_PR_FGD, -1)
    cv2.circle(hints, at, round(0.02 * side), cv2.GC_FGD, -1)
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(image[..., ::-1]), hints, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 5)
    found = np.isin(hints, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, pieces = cv2.connectedComponents(found, connectivity=4)
    return np.asarray(pieces == pieces[at[1], at[0]], np.bool_)

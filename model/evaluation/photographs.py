"""One click on each segment of real photographs: our segmenter beside OpenCV's GrabCut from the same click.

    python -m model.evaluation.photographs ../shared/data/bsds500-val --pictures 10

The folder holds photographs `N.jpg` and maps `N.png`, whose grey values number the segments that a person drew
(BSDS500). It is for measuring only: nothing is trained or tuned on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures

from model.adapters.sam import load_sam
from model.evaluation.questions import click
from model.geometry import iou
from model.ports import Segmenter
from model.values import Image, Mask, MaskPrompt, Point

LEAST_SHARE = 0.02  # smaller segments are not asked for
WEIGHTS = Path(__file__).parents[1] / "embedded" / "weights" / "segmenter"


@dataclass(frozen=True, slots=True)
class Report:
    """Mean IoU over all clicks, 0..1, of our segmenter and of GrabCut."""

    clicks: int
    ours: float
    grabcut: float


def compare(segmenter: Segmenter, folder: Path, pictures: int | None = None) -> Report:
    """Click once on every segment above 2 % of each of the first `pictures` photographs, in order of their names."""
    ours, grabcut = [], []
    for path in sorted(folder.glob("*.jpg"))[:pictures]:
        image = np.asarray(Pictures.open(path).convert("RGB"))
        embedding = segmenter.embed(image)
        for truth in segments(np.asarray(Pictures.open(path.with_suffix(".png")))):
            point = click(truth)
            prompt = MaskPrompt(np.array([[point.x, point.y]], np.float32), np.ones(1, np.int64))
            (found,) = segmenter.decode(embedding, [prompt])
            best = found.low_res_masks[found.iou_predictions.argmax()]
            ours.append(iou(segmenter.enlarge(embedding, torch.from_numpy(best)[None])[0], truth))
            grabcut.append(iou(grabcut_mask(image, point), truth))
    return Report(len(ours), float(np.mean(ours)), float(np.mean(grabcut)))


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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photographs and segment maps")
    parser.add_argument("--model", default=str(WEIGHTS), help="SAM folder, hub name or .pth file")
    parser.add_argument("--pictures", type=int, help="take only the first so many")
    given = parser.parse_args()
    report = compare(load_sam(given.model), given.folder, given.pictures)
    print(f"{report.clicks} clicks, mean IoU: ours {report.ours:.3f}, GrabCut {report.grabcut:.3f}")


if __name__ == "__main__":
    main()

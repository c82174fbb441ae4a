"""Which of SAM's answers a hint means, and how much of it changes the mask that the hint refines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.masks.hint_prompts import marks
from model.masks.selection import Choice, best
from model.types import Candidates, Hint, Point

Logits = NDArray[np.float32]  # (h, w) in SAM's low-resolution frame


def obedient(answers: Sequence[Candidates], points: Sequence[Point], size: tuple[int, int]) -> list[Candidates]:
    """Of all candidates those that disobey the fewest points of a picture of `size` (H, W)."""
    wrong = [[len(_disobeyed(mask, points, size)) for mask in each.low_res_masks] for each in answers]
    least = min(min(counts) for counts in wrong)
    kept = [np.flatnonzero(np.array(counts) == least) for counts in wrong]
    return [
        Candidates(each.low_res_masks[index], each.iou_predictions[index], each.valid)
        for each, index in zip(answers, kept, strict=True)
        if len(index)
    ]


def refined(hint: Hint, answers: Sequence[Candidates], size: tuple[int, int], steadiness: float) -> Choice:
    """SAM's answer to a hint that refines an earlier mask: what agrees best with that mask, merged into it (ours)."""
    assert hint.previous is not None
    height, width = answers[0].valid
    before = (hint.previous[:height, :width] > 0).astype(np.float32)
    choice = best(obedient(answers, marks(hint, size), size), before, steadiness)
    return Choice(merged_into(hint.previous, choice.low_res_mask, marks(hint, size), size), choice.valid, choice.score)


def merged_into(previous: Logits, found: Logits, points: Sequence[Point], size: tuple[int, int]) -> Logits:
    """The earlier logits, with SAM's new ones where the two masks differ around a point that the earlier one got wrong.

    FocalClick (arXiv 2204.02574, section 3.3, progressive merge): a click changes the connected part that it lies in
    and leaves alone what it did not ask for. Where the earlier mask obeys all points, the new one stands (ours).
    """
    asked = [_cell(point, previous.shape, size) for point in _disobeyed(previous, points, size)]
    if not asked:
        return found
    parts, _ = ndimage.label((previous > 0) != (found > 0), structure=np.ones((3, 3)))
    numbers = [parts[cell] for cell in asked if parts[cell]]
    changed = ndimage.binary_dilation(np.isin(parts, numbers) & (parts > 0))
    return np.where(changed, found, previous)


def _disobeyed(logits: Logits, points: Sequence[Point], size: tuple[int, int]) -> list[Point]:
    return [point for point in points if (logits[_cell(point, logits.shape, size)] > 0) != point.positive]


def _cell(point: Point, shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the cell that a point lies in, in a square frame whose side is the picture's longer one."""
    scale = shape[0] / max(size)
    return min(int(point.y * scale), shape[0] - 1), min(int(point.x * scale), shape[1] - 1)

"""From scores and hints to mask prompts for SAM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.canvas import bounds, box_mask, cell_centre, cell_of
from model.config import PromptingConfig
from model.errors import BadQuery
from model.values import Hint, Mask, MaskPrompt


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """One object as the scores show it: its cells (g, g) and its brightest cell (row, column)."""

    cells: Mask
    peak: tuple[int, int]


def blobs(scores: NDArray[np.float32], config: PromptingConfig) -> tuple[Blob, ...]:
    """The regions of a phrase's map (g, g, maximum 1) that stand out, brightest first.

    Threshold and connected region as in Segment Anyword section 2.3, which keeps the largest one only; keeping
    all of them, one object each, is ours.
    """
    regions, count = ndimage.label(scores > config.threshold, structure=np.ones((3, 3)))
    found = [_blob(scores, regions == number) for number in range(1, count + 1)]
    large = [blob for blob in found if blob.cells.sum() >= config.smallest * scores.size]
    return tuple(sorted(large, key=lambda blob: -scores[blob.peak])[: config.most])


def _blob(scores: NDArray[np.float32], cells: Mask) -> Blob:
    row, column = np.unravel_index(np.argmax(np.where(cells, scores, -1)), scores.shape)
    return Blob(cells, (int(row), int(column)))


def blob_prompts(blob: Blob, size: tuple[int, int]) -> tuple[MaskPrompt, MaskPrompt]:
    """Two ways to ask SAM for one object: by its brightest cell, and by the box around its cells and that cell.

    `size` is the image's (H, W).
    """
    grid = blob.cells.shape
    point = np.array([cell_centre(blob.peak, (grid[0], grid[1]), size)], np.float32)
    rows, columns = np.flatnonzero(blob.cells.any(1)), np.flatnonzero(blob.cells.any(0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    box *= np.array([size[1] / grid[1], size[0] / grid[0]] * 2, np.float32)
    positive = np.ones(1, np.int64)
    return MaskPrompt(point, positive), MaskPrompt(point, positive, box=box)


def hint_prompt(hint: Hint, size: tuple[int, int]) -> MaskPrompt:
    """What an annotator pointed at, as SAM's prompt. Negative points come from here: the annotator's own.

    One positive click alone is ambiguous, so SAM gives three masks (SAM's own advice); else one.
    Raises BadQuery for a hint that says nothing or lies outside the image.
    """
    check(hint, size)
    coords = np.array([(point.x, point.y) for point in hint.points], np.float32).reshape(-1, 2)
    labels = np.array([point.positive for point in hint.points], np.int64)
    box = None if hint.box is None else bounds(hint.box, size)
    return MaskPrompt(coords, labels, box=box, multimask_output=box is None and len(coords) == 1)


def check(hint: Hint, size: tuple[int, int]) -> None:
    """Raise BadQuery where a hint cannot be answered."""
    if not hint.points and hint.box is None:
        raise BadQuery("an empty hint: click on the object or draw a box around it")
    for point in hint.points:
        if not (0 <= point.x <= size[1] and 0 <= point.y <= size[0]):
            raise BadQuery(f"the point ({point.x:.0f}, {point.y:.0f}) is outside the {size[1]} x {size[0]} picture")
    if hint.box is None and not any(point.positive for point in hint.points):
        raise BadQuery("only negative points: add one positive point on the object")
    if hint.box is not None and not box_mask(hint.box, (256, 256), size).any():
        raise BadQuery("the box is empty or outside the picture: draw it around the object")


def hint_map(hint: Hint, grid: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """A hint as an initial map (g, g): ones inside the box, else one at each positive point (iSeg, section 3.11)."""
    cells = np.zeros((grid, grid), np.float32)
    if hint.box is not None:
        cells[box_mask(hint.box, (grid, grid), size)] = 1
    if hint.box is None or not cells.any():
        for point in hint.points:
            if point.positive:
                cells[cell_of(point.x, point.y, grid, size)] = 1
    return cells

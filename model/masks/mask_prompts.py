"""From scores to mask prompts for SAM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.config import PromptingConfig
from model.grounding.canvas import cell_centre
from model.types import Mask, MaskPrompt


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

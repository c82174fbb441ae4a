"""Segment Anyword's linguistic regularisation: which points ask SAM for a phrase (section 2.4, figure 6).

R1, positive clustering: a noun's words each give a point on the object. R2, negative binding: the points of the
text's other phrases lie off it. Cells are (row, column) on the attention grid.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from model.config import SyntaxConfig
from model.grounding.canvas import cell_centre, resize_maps
from model.text.prompt_text import Wording
from model.types import Mask, MaskPrompt

Cell = tuple[int, int]
Maps = NDArray[np.float32]

OUTSIDE = 0.3  # share of the map's range below which a cell is surely off the object; ours
OUTSIDE_POINTS = 3  # Segment Anyword draws 1 to 3 where nothing else is asked for; without a seed all of them
ELSEWHERE = 0.5  # a word that attends to an object less than this share of its maximum is about another one; ours
PLAIN = 0.5  # share of a map's maximum above which it is the mask (Segment Anyword, appendix E)


@dataclass(frozen=True, slots=True, eq=False)
class PhrasePoints:
    """What a phrase's prompts are made of: its words' maps (W, g, g), the noun first, and points off the object."""

    words: Maps
    negatives: tuple[Cell, ...]


def clusters(wording: Wording, maps: Sequence[Maps], config: SyntaxConfig) -> tuple[PhrasePoints, ...]:
    """R2 for every phrase that is asked for; `maps` (W, g, g) are those of the text's `sought`, then of its `context`.

    Phrases of one text exclude each other, save for what describes a phrase: glasses are no negative of the man who
    wears them (figure 6). Phrases of other texts are not looked at, for labels may overlap ("car", "vehicle"); ours.
    Where nothing else is named, negatives lie outside the object.
    """
    points = [positives(words, config) for words in maps]
    gathered = []
    for at, words in enumerate(maps[: len(wording.sought)]):
        traits = {number for number, each in enumerate(wording.sought) if at in each.owners}
        others = [number for number in range(len(maps)) if number != at and number not in traits]
        if not config.negatives:
            negatives: tuple[Cell, ...] = ()
        elif others:
            negatives = tuple(dict.fromkeys(cell for number in others for cell in points[number]))
        else:
            negatives = outside(np.concatenate([words, *(maps[number] for number in traits)]), config)
        gathered.append(PhrasePoints(words, negatives))
    return tuple(gathered)


def cluster_prompt(
    cluster: PhrasePoints, cells: Mask, size: tuple[int, int], config: SyntaxConfig
) -> MaskPrompt | None:
    """R1 for one object: the prompt that its phrase's words give inside its cells (g, g), for an image of (H, W).

    With all cells this is the paper's protocol, one object for each phrase. A negative in a positive's cell or next
    to it is dropped (ours). None where no word stands out.
    """
    inside = cluster.words * cells
    peaks, highest = inside.max((1, 2)), cluster.words.max((1, 2))
    here = [at for at in range(len(inside)) if at == 0 or peaks[at] >= ELSEWHERE * highest[at]]
    on = positives(inside[here], config)
    if not on:
        return None
    off = [cell for cell in cluster.negatives if all(_apart(cell, other) > 1 for other in on)]
    grid = (cells.shape[0], cells.shape[1])
    coords = np.array([cell_centre(cell, grid, size) for cell in (*on, *off)], np.float32)
    labels = np.array([1] * len(on) + [0] * len(off), np.int64)
    return MaskPrompt(coords, labels, multimask_output=len(coords) == 1)


def positives(words: Maps, config: SyntaxConfig) -> tuple[Cell, ...]:
    """R1: a cell for each word's map (W, g, g), the noun first, all different; two of the noun's own if it is alone.

    Without R1 the noun's cell only. A flat map gives none, and a region of one cell no second one.
    """
    rng = _draws(words, config)
    asked = words[:1] if not config.positives else words if len(words) > 1 else np.repeat(words, 2, axis=0)
    cells: tuple[Cell, ...] = ()
    for scores in asked:
        cells += _point(scores, config.threshold, cells, rng)
    return cells


def outside(words: Maps, config: SyntaxConfig) -> tuple[Cell, ...]:
    """Cells that none of the words' maps (W, g, g) attends to: 1 to 3 at random, else the least attended, apart."""
    lowest, highest = words.min((1, 2), keepdims=True), words.max((1, 2), keepdims=True)
    attended = ((words - lowest) / np.maximum(highest - lowest, 1e-12)).max(0)
    free = attended < OUTSIDE
    if not (highest > lowest).any():
        return ()
    rng = _draws(words, config)
    if rng is not None:
        count = min(int(rng.integers(1, OUTSIDE_POINTS + 1)), int(free.sum()))
        return tuple(_cell(at, free) for at in rng.choice(np.flatnonzero(free), count, replace=False))
    cells: tuple[Cell, ...] = ()
    while len(cells) < min(OUTSIDE_POINTS, int(free.sum())):
        worth = np.where(free, (1 - attended) * np.minimum(_distance(cells, free), free.shape[0]), -1)
        cells += (_cell(np.argmax(worth), free),)
    return cells


def plain_mask(scores: Maps, size: tuple[int, int]) -> Mask:
    """Segment Anyword without SAM: the cells of a map (g, g) above half its maximum, as a mask (H, W), bilinear.

    A flat map gives an empty mask.
    """
    enlarged = resize_maps(torch.from_numpy(np.ascontiguousarray(scores))[None], size)[0].numpy()
    return np.asarray((enlarged > PLAIN * scores.max()) & (scores.max() > scores.min()), np.bool_)


def _point(
    scores: Maps, threshold: float, taken: tuple[Cell, ...], rng: np.random.Generator | None
) -> tuple[Cell, ...]:
    """One cell of a map's largest region above the threshold (section 2.3); none if it is flat or all are taken.

    At random as in the paper, else as deep inside the region and as far from taken cells as can be (ours).
    """
    above = scores > threshold * scores.max()  # nothing, where the maximum is too small a number to have a share of
    if scores.max() <= scores.min() or not above.any():
        return ()
    regions, _ = ndimage.label(above, structure=np.ones((3, 3)))
    largest = regions == 1 + np.argmax(np.bincount(regions.ravel())[1:])
    depth = ndimage.distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
    room = np.minimum(depth, _distance(taken, largest))
    if not room.any():
        return ()
    return (_cell(np.argmax(room) if rng is None else rng.choice(np.flatnonzero(room)), largest),)


def _distance(cells: tuple[Cell, ...], grid: Mask) -> NDArray[np.float64]:
    """How far each cell of a grid (g, g) is from the nearest of some cells; infinitely far from none."""
    rows, columns = np.indices(grid.shape)
    away = [np.hypot(rows - row, columns - column) for row, column in cells]
    return np.asarray(np.min(away, axis=0) if away else np.full(grid.shape, np.inf), np.float64)


def _cell(at: np.intp | int, grid: Mask) -> Cell:
    row, column = np.unravel_index(int(at), grid.shape)
    return int(row), int(column)


def _apart(one: Cell, other: Cell) -> int:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def _draws(words: Maps, config: SyntaxConfig) -> np.random.Generator | None:
    """Draws that a seed and the maps fix, so that pictures differ in them; None without a seed."""
    if config.seed is None:
        return None
    return np.random.default_rng([config.seed, zlib.crc32(np.ascontiguousarray(words).tobytes())])

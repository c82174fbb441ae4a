"""What an annotator pointed at, as SAM's prompt and as maps that self-attention spreads (iSeg's interface)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.errors import BadQuery
from model.geometry import bounds, box_mask
from model.grounding.canvas import cell_of, line_cells
from model.methods.iseg import normalised
from model.types import Box, Hint, Mask, MaskPrompt, Point, Stroke

POINTS = 5  # of a line that SAM is given; ours
SPACING = 0.1  # between those points at least, in shorter sides of the picture; ours
LOGITS = 32.0  # largest logit of a mask prompt; ours
PARTS = 8  # of a cell's side, by which a box's cover is measured; ours


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """A hint's initial maps (C, g, g), 1 where it points and 0 elsewhere, and which of them (C,) are on the object."""

    maps: NDArray[np.float32]
    positive: NDArray[np.bool_]


def hint_channels(hint: Hint, grid: int, size: tuple[int, int]) -> Channels:
    """Initial maps: one for each clicked cell, one for each cell that a line visits, one for the inside of the box.

    `size` is the image's (H, W). After iSeg's interface, which takes one click, line or box at a time, all positive;
    a box smaller than a cell stands for the cell it lies in (ours). A cell counts once for each sign.
    """
    on, off = (_cells(hint, sign, grid, size) for sign in (True, False))
    boxes = [] if hint.box is None else [_box_cells(hint.box, grid, size)]
    maps = [*boxes, *(_one_hot(cell, grid) for cell in (*on, *off))]
    positive = [True] * (len(boxes) + len(on)) + [False] * len(off)
    return Channels(np.array(maps, np.float32).reshape(-1, grid, grid), np.array(positive, np.bool_))


def merged(refined: torch.Tensor, positive: NDArray[np.bool_]) -> torch.Tensor:
    """One map (g, g) with maximum 1 from refined channels (C, g, g); 0 where nothing is left.

    Each channel is divided by its maximum, then their mean is taken (iSeg's interface). The mean of the negative
    ones, brought to maximum 1, is subtracted and what falls below 0 cut (ours; iSeg has none): where self-attention
    cannot tell the negative places from the positive ones nothing is left, and SAM decides alone.
    """
    flat = normalised(refined.flatten(1))
    scaled = flat / flat.amax(1, keepdim=True).clamp(min=1e-12)
    sign = torch.from_numpy(positive).to(refined.device)
    kept = _mean(scaled[sign])
    if not positive.all():
        kept = (kept - _mean(scaled[~sign])).clamp(min=0)
    return (kept / kept.max().clamp(min=1e-12)).reshape(refined.shape[1:])


def _mean(maps: torch.Tensor) -> torch.Tensor:
    mean = maps.mean(0)
    return mean / mean.max().clamp(min=1e-12)


def _cells(hint: Hint, positive: bool, grid: int, size: tuple[int, int]) -> list[tuple[int, int]]:
    clicked = [cell_of(point.x, point.y, grid, size) for point in hint.points if point.positive == positive]
    strokes = [line_cells(stroke.corners, grid, size) for stroke in hint.strokes if stroke.positive == positive]
    return list(dict.fromkeys([*clicked, *(cell for cells in strokes for cell in cells)]))


def _box_cells(box: Box, grid: int, size: tuple[int, int]) -> Mask:
    """The cells that a box covers by half or more; of a smaller box those it covers most, or that its centre is in."""
    parts = box_mask(box, (grid * PARTS, grid * PARTS), size).reshape(grid, PARTS, grid, PARTS).mean((1, 3))
    if parts.any():
        return np.asarray((parts >= min(0.5, parts.max())) & (parts > 0))
    x0, y0, x1, y1 = bounds(box, size)
    return _one_hot(cell_of(float(x0 + x1) / 2, float(y0 + y1) / 2, grid, size), grid)


def _one_hot(cell: tuple[int, int], grid: int) -> Mask:
    cells = np.zeros((grid, grid), np.bool_)
    cells[cell] = True
    return cells


def hint_prompt(hint: Hint, size: tuple[int, int]) -> MaskPrompt:
    """What an annotator pointed at, as SAM's prompt. Negative points come from here: the annotator's own.

    A line gives up to five points, evenly spaced along it and away from its ends (ours). One positive click alone is
    ambiguous, so SAM gives three masks (SAM's own advice); else one. The hint has passed `check`.
    """
    points = marks(hint, size)
    coords = np.array([(point.x, point.y) for point in points], np.float32).reshape(-1, 2)
    labels = np.array([point.positive for point in points], np.int64)
    box = None if hint.box is None else bounds(hint.box, size)
    return MaskPrompt(coords, labels, box=box, multimask_output=box is None and len(coords) == 1)


def hint_prompts(hint: Hint, size: tuple[int, int]) -> tuple[MaskPrompt, ...]:
    """The ways to ask SAM for a hint: by itself and, where it refines an answer, with that answer's logits as well.

    Logits go in as SAM's trainer gives them, within 32 of 0 (Segment Anything, appendix A). Marks that are all
    negative say nothing by themselves.
    """
    alone = hint_prompt(hint, size)
    if hint.previous is None:
        return (alone,)
    again = replace(alone, mask_input=hint.previous.clip(-LOGITS, LOGITS), multimask_output=False)
    return (again, alone) if alone.box is not None or alone.point_labels.any() else (again,)


def marks(hint: Hint, size: tuple[int, int]) -> tuple[Point, ...]:
    """The points that an answer has to obey: the clicks, and those of the lines that SAM is given."""
    return (*hint.points, *(point for stroke in hint.strokes for point in points_along(stroke, size)))


def pixel_of(point: Point, size: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of the pixel that a point in a picture of `size` (H, W) lies on; on the far rim, the last one."""
    return min(int(point.y), size[0] - 1), min(int(point.x), size[1] - 1)


def points_along(stroke: Stroke, size: tuple[int, int]) -> tuple[Point, ...]:
    """One to five points of a line: as many as fit at a tenth of the picture's shorter side from each other."""
    corners = np.array(stroke.corners, np.float64)
    walked = np.concatenate([[0.0], np.linalg.norm(np.diff(corners, axis=0), axis=1).cumsum()])
    count = int(np.clip(walked[-1] / (SPACING * min(size)), 1, POINTS))
    stops = (np.arange(count) + 0.5) / count * walked[-1]
    coords = zip(np.interp(stops, walked, corners[:, 0]), np.interp(stops, walked, corners[:, 1]), strict=True)
    return tuple(Point(float(x), float(y), stroke.positive) for x, y in coords)


def check(hint: Hint, size: tuple[int, int]) -> None:
    """Raise BadQuery where a hint cannot be answered."""
    if not hint.points and not hint.strokes and hint.box is None:
        raise BadQuery("an empty hint: click on the object, draw a line over it or a box around it")
    if any(not stroke.corners for stroke in hint.strokes):
        raise BadQuery("a line without any point: draw it over the object again")
    _check_inside("point", [(point.x, point.y) for point in hint.points], size)
    _check_inside("line's point", [corner for stroke in hint.strokes for corner in stroke.corners], size)
    pointed: tuple[Point | Stroke, ...] = (*hint.points, *hint.strokes)
    if hint.box is None and hint.previous is None and not any(mark.positive for mark in pointed):
        raise BadQuery("only negative points or lines: add one positive point or line on the object")
    if hint.box is not None and not _meets(hint.box, size):
        raise BadQuery("the box is empty or outside the picture: draw it around the object")
    if hint.previous is not None and not (hint.previous.ndim == 2 and np.isfinite(hint.previous).all()):
        raise BadQuery("the mask to refine is no mask of this picture: start again with one click")


def _meets(box: Box, size: tuple[int, int]) -> bool:
    """Whether a part of a box lies in a picture of `size` (H, W)."""
    x0, y0, x1, y1 = bounds(box, size)
    return bool(x0 < x1 and y0 < y1)


def _check_inside(name: str, points: list[tuple[float, float]], size: tuple[int, int]) -> None:
    for x, y in points:
        if not (0 <= x <= size[1] and 0 <= y <= size[0]):
            raise BadQuery(f"the {name} ({x:.0f}, {y:.0f}) is outside the {size[1]} x {size[0]} picture")

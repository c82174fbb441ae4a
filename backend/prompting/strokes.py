"""Lines and brush marks of the editor -> strokes, as corners in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.labelstudio import brush_rle
from backend.labelstudio.label_config import LabelConfig
from backend.prompting.hints import Item, check_upright, is_positive, position, value_of
from model.errors import BadQuery
from model.geometry import polygon_mask
from model.types import Mask, Stroke

Corner = tuple[float, float]  # (X, Y) in pixels

MOST_CORNERS = 40  # of one item; more tell the engine nothing new (ours)
SHALLOW = 0.25  # of the greatest depth; what is nearer to the rim says little about the middle (ours)


def read_strokes(item: Item, labels: Sequence[str], config: LabelConfig, size: tuple[int, int]) -> tuple[Stroke, ...]:
    """The strokes of one item: a brush mark, a polygon or a vector, on a picture of `size` (H, W).

    An open line is one stroke. What a brush painted or a closed line goes round becomes strokes along its middle.
    Raises BadQuery for what cannot be read or lies outside the picture.
    """
    check_upright(item)
    value, positive = value_of(item), is_positive(item, labels, config)
    lines = middle_lines(brush_rle.decode(value["rle"], size)) if "rle" in value else _lines(value, size)
    if not lines:
        raise BadQuery("the stroke is empty; draw it over the object")
    return tuple(Stroke(line, positive) for line in lines)


def middle_lines(mask: Mask) -> tuple[tuple[Corner, ...], ...]:
    """Lines along the middle of a mask (H, W), all of them inside it; none where it is empty.

    Ours: the deepest pixel is a corner, what lies around it is done with, and so on; then each corner is joined to the
    nearest one that a straight line inside the mask leads to.
    """
    corners = _middles(mask)
    lines = []
    while corners:
        line = [corners.pop(_farthest(corners))]
        while seen := [corner for corner in corners if _leads_inside(mask, line[-1], corner)]:
            line.append(min(seen, key=lambda corner: _distance(corner, line[-1])))
            corners.remove(line[-1])
        lines.append(tuple(line))
    return tuple(lines)


def _middles(mask: Mask) -> list[Corner]:
    """Centres of pixels deep inside a mask, at least a brush's width apart, the deepest first."""
    import cv2  # a tenth of a second, which the start of the server should not wait for

    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1].copy()
    depth[depth < SHALLOW * depth.max()] = 0
    least = np.count_nonzero(mask) / max(float(depth.max()), 1.0) / MOST_CORNERS  # area by width: the stroke's length
    corners: list[Corner] = []
    while depth.any() and len(corners) < MOST_CORNERS:
        y, x = (int(at) for at in np.unravel_index(depth.argmax(), depth.shape))
        corners.append((x + 0.5, y + 0.5))
        cv2.circle(depth, (x, y), int(max(2 * depth[y, x], least)) + 1, 0, cv2.FILLED)
    return corners


def _farthest(corners: Sequence[Corner]) -> int:
    """The corner farthest from the first one: an end of the line, where it has one."""
    return max(range(len(corners)), key=lambda at: _distance(corners[at], corners[0]))


def _leads_inside(mask: Mask, start: Corner, end: Corner) -> bool:
    along = np.linspace(start, end, int(_distance(start, end)) + 2).astype(int)
    return bool(mask[along[:, 1], along[:, 0]].all())


def _distance(one: Corner, other: Corner) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))


def _lines(value: Mapping[str, Any], size: tuple[int, int]) -> tuple[tuple[Corner, ...], ...]:
    """Lines along the middle of what a closed line goes round.

    An open line is its own, and so is a closed one too thin to go round any pixel's centre.
    """
    inside = middle_lines(polygon_mask(np.array(_line(value, size, rim=0.0)), size)) if _closed(value) else ()
    return inside or (_thinned(_line(value, size, rim=0.5)),)


def _line(value: Mapping[str, Any], size: tuple[int, int], rim: float) -> list[Corner]:
    """The corners of a polygon (pairs) or of a vector (objects with x and y), which the editor gives in percent."""
    listed = value.get("points", value.get("vertices"))
    corners = listed if isinstance(listed, list) else []
    if len(corners) < 2:
        raise BadQuery("a line needs two corners; draw it over the object")
    return [position(_named(corner), "line", size, rim) for corner in corners]


def _named(corner: object) -> Mapping[str, Any]:
    if isinstance(corner, Mapping):
        return corner
    return dict(zip("xy", corner, strict=False)) if isinstance(corner, list) else {}


def _closed(value: Mapping[str, Any]) -> bool:
    """A polygon is closed unless it says that it is not; a vector says so where it is."""
    return value.get("closed", "points" in value) is True


def _thinned(line: list[Corner]) -> tuple[Corner, ...]:
    kept = np.linspace(0, len(line) - 1, min(len(line), MOST_CORNERS)).round().astype(int)
    return tuple(line[at] for at in kept)

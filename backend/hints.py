"""Points and rectangles of the editor -> hints. Percent of the picture becomes pixels here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backend.label_config import LabelConfig
from model.errors import BadQuery
from model.values import Box, Hint, Point

Item = Mapping[str, Any]  # one item of a result, as the editor sends it

EDGE = 0.01  # percent that a coordinate may lie outside the picture by rounding
SENSIBLE = 1e6  # percent or degrees beyond which a number is a mistake, as NaN and infinity are


def value_of(item: Item) -> Mapping[str, Any]:
    """What the editor says about a prompt. Raises BadQuery where it says nothing."""
    value = item.get("value")
    if not isinstance(value, Mapping):
        raise BadQuery("a prompt came without its value; draw or type it again")
    return value


def read_point(item: Item, labels: Sequence[str], config: LabelConfig, size: tuple[int, int]) -> Point:
    """A click; a label for what is not wanted makes it negative, as Alt does."""
    value = value_of(item)
    _check_upright(item)
    x, y = (_number(value, key, "point") for key in ("x", "y"))
    if not (-EDGE <= x <= 100 + EDGE and -EDGE <= y <= 100 + EDGE):
        raise BadQuery(f"the point at {x:.4g} %, {y:.4g} % lies outside the picture")
    unwanted = any(label.casefold() in config.negatives for label in labels)
    positive = item.get("is_positive") is not False and value.get("positive") is not False and not unwanted
    return Point(_inside(x, size[1]), _inside(y, size[0]), positive)


def _inside(percent: float, length: int) -> float:
    """Pixels from percent; the far edge belongs to the last pixel."""
    return min(max(percent / 100 * length, 0.0), length - 0.5)


def read_box(item: Item, size: tuple[int, int]) -> Box:
    """A rectangle; Label Studio turns it clockwise about its top left corner, in pixels."""
    value = value_of(item)
    _check_upright(item)
    x, y, width, height = (_number(value, key, "box") for key in ("x", "y", "width", "height"))
    rotation = _number(value, "rotation", "box") if "rotation" in value else 0.0
    rows, columns = size
    x0, y0 = x / 100 * columns, y / 100 * rows
    box = Box(x0, y0, x0 + width / 100 * columns, y0 + height / 100 * rows, rotation % 360)
    if box.x1 - box.x0 < 1 or box.y1 - box.y0 < 1:
        raise BadQuery("the box is smaller than a pixel; draw it around the object")
    left, top, right, bottom = _extent(box)
    if left > columns - 1 or right < 1 or top > rows - 1 or bottom < 1:
        raise BadQuery(f"the box at {x:.4g} %, {y:.4g} % lies outside the picture")
    return box if box.rotation else _clipped(box, size)


def _extent(box: Box) -> tuple[float, float, float, float]:
    """The upright XYXY box around a turned one."""
    width, height = box.x1 - box.x0, box.y1 - box.y0
    corners = [_turn(dx, dy, box.rotation) for dx in (0.0, width) for dy in (0.0, height)]
    xs, ys = [box.x0 + dx for dx, _ in corners], [box.y0 + dy for _, dy in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _turn(dx: float, dy: float, degrees: float) -> tuple[float, float]:
    """Turn a vector clockwise, as seen with y downwards."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return dx * cosine - dy * sine, dx * sine + dy * cosine


def _clipped(box: Box, size: tuple[int, int]) -> Box:
    return replace(box, x0=max(box.x0, 0.0), y0=max(box.y0, 0.0), x1=min(box.x1, size[1]), y1=min(box.y1, size[0]))


def _check_upright(item: Item) -> None:
    if item.get("image_rotation") not in (None, 0):
        raise BadQuery("the picture is turned in the editor; turn it back to ask for a mask")


def _number(value: Mapping[str, Any], key: str, what: str) -> float:
    number = value.get(key)
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < SENSIBLE:
        raise BadQuery(f"the {what} has no usable {key}; draw it again")
    return float(number)


def grouped(points: tuple[Point, ...], boxes: tuple[Box, ...]) -> tuple[Hint, ...]:
    """One hint for each box, with the points inside it, and one for all other points.

    Where those others are all negative they belong to every box: they say what none of them should hold.
    """
    loose = tuple(point for point in points if not any(_holds(box, point) for box in boxes))
    spread = loose if boxes and not any(point.positive for point in loose) else ()
    held = [Hint(tuple(point for point in points if _holds(box, point)) + spread, box) for box in boxes]
    return (*held, *([Hint(loose)] if loose and not spread else []))


def _holds(box: Box, point: Point) -> bool:
    across, down = _turn(point.x - box.x0, point.y - box.y0, -box.rotation)
    return 0 <= across <= box.x1 - box.x0 and 0 <= down <= box.y1 - box.y0

"""Points and rectangles of the editor -> hints. Percent of the picture becomes pixels here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backend.labelstudio.label_config import LabelConfig
from model.errors import BadQuery
from model.geometry import extent, ordered
from model.types import Box, Hint, Point

Item = Mapping[str, Any]  # one item of a result, as the editor sends it

EDGE = 0.01  # percent that a coordinate may lie outside the picture by rounding
LONGEST_ID = 100  # characters
SENSIBLE = 1e6  # percent or degrees beyond which a number is a mistake, as NaN and infinity are


def id_of(item: Item) -> str:
    """The editor's id of an item, by which it is known again; empty where there is no usable one."""
    name = item.get("id")
    return name if isinstance(name, str) and len(name) <= LONGEST_ID else ""


def value_of(item: Item) -> Mapping[str, Any]:
    """What the editor says about a prompt. Raises BadQuery where it says nothing."""
    value = item.get("value")
    if not isinstance(value, Mapping):
        raise BadQuery("a prompt came without its value; draw or type it again")
    return value


def read_point(item: Item, labels: Sequence[str], config: LabelConfig, size: tuple[int, int]) -> Point:
    """A click; a label for what is not wanted makes it negative, as Alt does."""
    check_upright(item)
    return Point(*position(value_of(item), "point", size), is_positive(item, labels, config))


def position(value: Mapping[str, Any], what: str, size: tuple[int, int], rim: float = 0.5) -> tuple[float, float]:
    """A place (X, Y) in pixels from one in percent, `rim` pixels inside the far edges at least.

    By default a click on a far edge belongs to the last pixel.
    """
    x, y = (_number(value, key, what) for key in ("x", "y"))
    if not (-EDGE <= x <= 100 + EDGE and -EDGE <= y <= 100 + EDGE):
        raise BadQuery(f"the {what} at {x:.4g} %, {y:.4g} % lies outside the picture")
    return _inside(x, size[1], rim), _inside(y, size[0], rim)


def is_positive(item: Item, labels: Sequence[str], config: LabelConfig) -> bool:
    """Whether a prompt is for what is wanted: neither drawn with Alt, nor with a label such as "background"."""
    unwanted = any(label.casefold() in config.negatives for label in labels)
    return item.get("is_positive") is not False and value_of(item).get("positive") is not False and not unwanted


def _inside(percent: float, length: int, rim: float) -> float:
    return min(max(percent / 100 * length, 0.0), length - rim)


def read_box(item: Item, size: tuple[int, int]) -> Box:
    """A rectangle; Label Studio turns it clockwise about its top left corner, in pixels.

    One that was drawn from right to left or upwards may come with a negative width or height.
    """
    value = value_of(item)
    check_upright(item)
    x, y, width, height = (_number(value, key, "box") for key in ("x", "y", "width", "height"))
    rotation = _number(value, "rotation", "box") if "rotation" in value else 0.0
    rows, columns = size
    x0, y0 = x / 100 * columns, y / 100 * rows
    box = ordered(Box(x0, y0, x0 + width / 100 * columns, y0 + height / 100 * rows, rotation % 360))
    if box.x1 - box.x0 < 1 or box.y1 - box.y0 < 1:
        raise BadQuery("the box is smaller than a pixel; draw it around the object")
    left, top, right, bottom = extent(box)
    if left > columns - 1 or right < 1 or top > rows - 1 or bottom < 1:
        raise BadQuery(f"the box at {x:.4g} %, {y:.4g} % lies outside the picture")
    return box if box.rotation else _clipped(box, size)


def _clipped(box: Box, size: tuple[int, int]) -> Box:
    return replace(box, x0=max(box.x0, 0.0), y0=max(box.y0, 0.0), x1=min(box.x1, size[1]), y1=min(box.y1, size[0]))


def check_upright(item: Item) -> None:
    """Raise BadQuery for a prompt on a picture that is turned in the editor."""
    if item.get("image_rotation") not in (None, 0):
        raise BadQuery("the picture is turned in the editor; turn it back to ask for a mask")


def _number(value: Mapping[str, Any], key: str, what: str) -> float:
    number = value.get(key)
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < SENSIBLE:
        raise BadQuery(f"the {what} has no usable {key}; draw it again")
    return float(number)


def wants(hint: Hint) -> bool:
    """Whether a hint shows something that is wanted, rather than only what is not."""
    positive = any(point.positive for point in hint.points) or any(stroke.positive for stroke in hint.strokes)
    return hint.box is not None or positive

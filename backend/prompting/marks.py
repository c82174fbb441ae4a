"""What an annotator drew -> marks, each of them one item of the editor, and marks -> hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.labelstudio.label_config import LabelConfig
from backend.prompting.hints import Item, id_of, is_positive, read_box, read_point, value_of
from backend.prompting.strokes import read_strokes
from backend.prompting.texts import Text, read_text
from model.errors import BadQuery
from model.geometry import corners, holds
from model.types import Box, Hint, Point, Stroke

SHAPES = ("keypoint", "rectangle", "brush", "bitmask", "polygon", "vector")
LABEL_KEYS = ("labels", *(f"{shape}labels" for shape in SHAPES))
MOST_ITEMS = 10_000  # of one request
MOST_SHAPES = 64  # boxes and lines of one request
LARGEST_FAMILY = 8  # items with one id; the editor has three at most
MOST_POINTS = 100  # of each sign; a scribble of more points tells the engine nothing new (ours)
REACH = 1.5  # sides of a box within which a point still speaks of the object in the box (ours)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point, a box, or the strokes of a line or brush.

    `control` and `label`, as the editor names them, say which marks come together in one request. `selected` is that
    label if masks can carry it and it is not for the background. `text` was typed for this mark alone.
    """

    id: str
    control: str
    label: str | None
    selected: str | None
    shape: Point | Box | tuple[Stroke, ...]
    text: Text | None = None

    @property
    def kind(self) -> tuple[str, str | None]:
        """Marks of one kind arrive together."""
        return self.control, self.label

    @property
    def wanted(self) -> bool:
        """Whether it shows the object, rather than what is none of it."""
        if isinstance(self.shape, tuple):
            return any(stroke.positive for stroke in self.shape)
        return isinstance(self.shape, Box) or self.shape.positive


@dataclass(frozen=True, slots=True)
class Pointed:
    """A hint, the ids of its marks, what was typed for it alone, and the id that its region shall have.

    `clauses`: the numbers, among those of the request, of the clauses that speak of it.
    """

    hint: Hint
    ids: tuple[str, ...] = ()
    text: Text | None = None
    region: str = ""
    clauses: tuple[int, ...] = ()


def read_marks(items: Sequence[Item], config: LabelConfig, size: tuple[int, int]) -> tuple[Mark, ...]:
    """The marks among the items of a request, on a picture of `size` (H, W); of a long scribble some of the points.

    Raises BadQuery for one that cannot be read, and for too many.
    """
    if len(items) > MOST_ITEMS:
        raise BadQuery(f"{len(items)} prompts at once; reject them and start again, {MOST_ITEMS} at most")
    families, drawn = _families(items), [item for item in items if _draws(item, config)]
    shapes = sum(item.get("from_name") not in config.keypoints for item in drawn)
    if shapes > MOST_SHAPES:
        raise BadQuery(f"{shapes} boxes and lines at once; accept some of them first, {MOST_SHAPES} at most")
    return tuple(_mark(item, _family(item, families), config, size) for item in _thinned(drawn, families, config))


def _families(items: Sequence[Item]) -> Mapping[str, list[Item]]:
    """Items by id: a shape, its labels and the text that was typed for it share one."""
    families: dict[str, list[Item]] = {}
    for item in items:
        family = families.setdefault(id_of(item), [])
        if id_of(item) and len(family) < LARGEST_FAMILY:
            family.append(item)
    return families


def _family(item: Item, families: Mapping[str, list[Item]]) -> list[Item]:
    return families[id_of(item)] or [item]


def _draws(item: Item, config: LabelConfig) -> bool:
    return item.get("from_name") in (*config.keypoints, *config.rectangles, *config.strokes)


def _mark(item: Item, family: Sequence[Item], config: LabelConfig, size: tuple[int, int]) -> Mark:
    labels, control = labels_of(family), str(item.get("from_name"))
    named = [config.label_called(name) for name in labels]
    selected = next((label.value for label in named if label is not None and not label.background), None)
    text = read_text([other for other in family if _types(other, config)], config)
    return Mark(id_of(item), control, next(iter(labels), None), selected, _shape(item, labels, config, size), text)


def _shape(
    item: Item, labels: Sequence[str], config: LabelConfig, size: tuple[int, int]
) -> Point | Box | tuple[Stroke, ...]:
    if item.get("from_name") in config.keypoints:
        return read_point(item, labels, config, size)
    if item.get("from_name") in config.rectangles:
        return read_box(item, size)
    return read_strokes(item, labels, config, size)


def _types(item: Item, config: LabelConfig) -> bool:
    return config.region_prompt is not None and item.get("from_name") == config.region_prompt


def labels_of(family: Sequence[Item]) -> list[str]:
    """The labels of an item: its own, or those of the <Labels> item that shares its id. Raises BadQuery."""
    lists = [value_of(other).get(key) for other in family for key in LABEL_KEYS]
    return [label for labels in lists if isinstance(labels, list) for label in labels if isinstance(label, str)]


def _thinned(drawn: Sequence[Item], families: Mapping[str, list[Item]], config: LabelConfig) -> list[Item]:
    """All boxes and lines, and of the points of each sign as many as are worth reading, spread along the scribble."""
    points = [item for item in drawn if item.get("from_name") in config.keypoints]
    if len(points) <= MOST_POINTS:
        return list(drawn)
    signs = np.array([is_positive(item, labels_of(_family(item, families)), config) for item in points])
    kept = {id(points[at]) for sign in (True, False) for at in _spread(np.flatnonzero(signs == sign))}
    return [item for item in drawn if item.get("from_name") not in config.keypoints or id(item) in kept]


def _spread(places: NDArray[np.int64]) -> NDArray[np.int64]:
    kept = np.linspace(0, len(places) - 1, min(len(places), MOST_POINTS)).round().astype(int)
    return np.asarray(places[kept])


# Marks -> hints


def grouped(marks: Sequence[Mark]) -> tuple[Pointed, ...]:
    """One hint for each box, with the points and strokes in or beside it, and one for all others.

    Where those others are all negative they belong to every box: they say what none of them should hold.
    """
    boxes = [mark for mark in marks if isinstance(mark.shape, Box)]
    drawn = [mark for mark in marks if not isinstance(mark.shape, Box)]
    owner = {id(mark): _owner(mark, boxes) for mark in drawn}
    loose = [mark for mark in drawn if owner[id(mark)] is None]
    shared = loose if boxes and not any(mark.wanted for mark in loose) else []
    held = [_pointed([box, *(mark for mark in drawn if owner[id(mark)] is box), *shared]) for box in boxes]
    return (*held, _pointed(loose)) if loose and not shared else tuple(held)


def _owner(mark: Mark, boxes: Sequence[Mark]) -> Mark | None:
    """The box that holds a mark, else one that it lies beside."""
    inside = (box for box in boxes if _holds(box, mark))
    beside = (box for box in boxes if mark.wanted and is_near(box, mark))
    return next(inside, None) or next(beside, None)


def is_near(box: Mark, mark: Mark) -> bool:
    """Whether a point, or all of a stroke, lies in a box or beside it."""
    assert isinstance(box.shape, Box)
    middle = corners(box.shape).mean(0)
    drawn = [tuple(middle + (np.array(place) - middle) / REACH) for place in places(mark)]
    return all(holds(box.shape, float(x), float(y)) for x, y in drawn)


def places(mark: Mark) -> list[tuple[float, float]]:
    """Where a point or a stroke lies, as (X, Y) in pixels."""
    if isinstance(mark.shape, Point):
        return [(mark.shape.x, mark.shape.y)]
    return [corner for stroke in mark.shape for corner in stroke.corners] if isinstance(mark.shape, tuple) else []


def _holds(box: Mark, mark: Mark) -> bool:
    return isinstance(box.shape, Box) and all(holds(box.shape, x, y) for x, y in places(mark))


def _pointed(marks: Sequence[Mark]) -> Pointed:
    shapes = [mark.shape for mark in marks]
    hint = Hint(
        tuple(shape for shape in shapes if isinstance(shape, Point)),
        next((shape for shape in shapes if isinstance(shape, Box)), None),
        tuple(stroke for shape in shapes if isinstance(shape, tuple) for stroke in shape),
    )
    texts = [mark.text for mark in marks if mark.text is not None]
    return Pointed(hint, tuple(mark.id for mark in marks if mark.id), texts[0] if texts else None)

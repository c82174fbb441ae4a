"""A task and its prompts -> what the engine is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.hints import Item, grouped, read_box, read_point, value_of, wants
from backend.label_config import Label, LabelConfig
from backend.strokes import read_strokes
from model.errors import BadQuery
from model.values import Clause, Hint, Query

LABEL_KEYS = ("labels", "keypointlabels", "rectanglelabels", "brushlabels", "polygonlabels", "vectorlabels")
MAX_WORDS = 200
WHAT_TO_TYPE = "type what to look for, for example: the brown dog"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, and which labels the answer may carry.

    `labels` has one entry for each clause of the query: the label that the clause was written for, if any. `selected`
    is the label that the points, boxes or strokes were drawn with. `interactive` is False for a pre-annotation, where
    the clauses are the names of the labels.
    """

    query: Query
    labels: tuple[str | None, ...]
    selected: str | None = None
    interactive: bool = True


def read(
    task: Mapping[str, Any],  # noqa: ARG001  (its drafts hold earlier prompts, which are not joined in yet)
    context: object,
    config: LabelConfig,
    size: tuple[int, int],
) -> Request:
    """Read the prompts of an interactive request on a picture of `size` (H, W).

    A context without prompts (null, absent, empty, a string, an event of a newer server) asks for a pre-annotation.
    Prompts count by the control they come from; what else rides along (choices, other text areas) is left out.

    Raises BadQuery where the prompts cannot be answered, with a message for the annotator.
    """
    items = _prompt_items(context)
    if not items:
        return _pre_annotation(config)
    texts = [_latest_text(item) for item in items if item.get("from_name") in (config.prompt, config.region_prompt)]
    asked = [asked for text in texts for asked in _clauses(text, config)]
    points = [read_point(item, _labels(item, items), config, size) for item in _of(items, config.keypoints)]
    boxes = [read_box(item, size) for item in _of(items, config.rectangles)]
    drawn = [(item, _labels(item, items)) for item in _of(items, config.strokes)]
    strokes = [stroke for item, labels in drawn for stroke in read_strokes(item, labels, config, size)]
    hints = grouped(points, boxes, strokes)
    _check(asked, hints)
    query = Query(clauses=tuple(clause for clause, _ in asked), hints=hints)
    return Request(query, tuple(label for _, label in asked), _selected(items, config))


def _prompt_items(context: object) -> list[Item]:
    """The result items of a context; none where it is no prompt, whatever its shape."""
    if not isinstance(context, Mapping) or context.get("event") is not None:
        return []
    result = context.get("result")
    return [item for item in result if isinstance(item, Mapping)] if isinstance(result, list) else []


def _pre_annotation(config: LabelConfig) -> Request:
    named = [(Clause(name, name=True), label.value) for label in config.foreground for name in label.names]
    query = Query(clauses=tuple(clause for clause, _ in named))
    return Request(query, tuple(value for _, value in named), interactive=False)


def _of(items: Sequence[Item], controls: tuple[str, ...]) -> list[Item]:
    return [item for item in items if item.get("from_name") in controls]


# Text


def _latest_text(item: Item) -> str:
    """The text of a TextArea: without maxSubmissions="1" it keeps every submission, and the last one is meant."""
    text = value_of(item).get("text")
    entries = [text] if isinstance(text, str) else text if isinstance(text, list) else []
    latest = entries[-1] if entries else ""
    if not isinstance(latest, str) or not latest.strip():
        raise BadQuery(WHAT_TO_TYPE)
    return latest.strip()


def _clauses(text: str, config: LabelConfig) -> list[tuple[Clause, str | None]]:
    """Cut "Dog: the brown dog; Cat" at semicolons and line ends into clauses, each with the label it names."""
    words = len(text.split())
    if words > MAX_WORDS:
        raise BadQuery(f"the text has {words} words; ask for less at once, {MAX_WORDS} words at most")
    pieces = [piece.strip() for piece in re.split(r"[;\n]", text)]
    return [_clause(piece, config) for piece in pieces if piece]


def _clause(piece: str, config: LabelConfig) -> tuple[Clause, str | None]:
    """One clause. What stands before a colon is a label only if the config has that label, else it is text."""
    before, colon, after = piece.partition(":")
    label = config.label_called(before) if colon else None
    if label is None:
        return _plain_clause(piece, config.label_called(piece))
    description = after.strip()
    own_name = not description or label.is_called(description)
    return Clause(description or before.strip(), name=own_name), label.value


def _plain_clause(piece: str, label: Label | None) -> tuple[Clause, str | None]:
    return Clause(piece, name=label is not None), None if label is None else label.value


def _check(asked: Sequence[object], hints: Sequence[Hint]) -> None:
    if not asked and not hints:
        raise BadQuery(f"nothing to go by: click, draw a box, or {WHAT_TO_TYPE}")
    if not asked and not any(wants(hint) for hint in hints):
        raise BadQuery("only negative points: click on the object first, then Alt+click with the same label")


# Labels


def _labels(item: Item, items: Sequence[Item]) -> list[str]:
    """The labels of an item: its own, or those of the <Labels> item that shares its id."""
    family = [other for other in items if other is item or (other.get("id") and other.get("id") == item.get("id"))]
    lists = [value_of(other).get(key) for other in family for key in LABEL_KEYS]
    return [label for labels in lists if isinstance(labels, list) for label in labels if isinstance(label, str)]


def _selected(items: Sequence[Item], config: LabelConfig) -> str | None:
    """The label that prompts were drawn with, if masks can carry it and it is not for the background."""
    drawn = _of(items, (*config.keypoints, *config.rectangles, *config.strokes))
    labels = [config.label_called(name) for item in drawn for name in _labels(item, items)]
    return next((label.value for label in labels if label is not None and not label.background), None)

"""What Label Studio tells of the annotator's editor: the drafts, up to five seconds late, and what is stored."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.labelstudio.label_config import LabelConfig
from backend.prompting.hints import Item, id_of
from backend.prompting.marks import Mark, read_marks
from backend.prompting.prompts import NO_PROMPTS, Prompts
from backend.prompting.texts import Text, read_text
from model.errors import BadQuery

LONGEST_NAME = 200  # characters
MOST_PROMPTS = 200  # of a draft; the newest


@dataclass(frozen=True, slots=True)
class Editor:
    """An annotator's editor.

    `user` is whose drafts came along; None without any. `ids` are those of everything in the drafts and `stored` those
    of everything in annotations. `left` are the prompts that stand in the newest draft and were not accepted yet, as
    far as the draft tells.
    """

    user: str | None = None
    ids: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    left: Prompts = NO_PROMPTS


def read(task: object, config: LabelConfig, size: tuple[int, int]) -> Editor:
    """Read a task's drafts and annotations; what is no draft or no prompt is left out, whatever its shape.

    Label Studio sends the drafts of the annotator who asks, and the annotations of all.
    """
    drafts = _listed(task, "drafts")
    if not drafts:
        return Editor(stored=_ids(_listed(task, "annotations")))
    newest = max(drafts, key=lambda draft: str(draft.get("updated_at"))[:LONGEST_NAME])
    stored = _ids(_listed(task, "annotations"))
    left = _left([item for item in _items(newest) if id_of(item) not in stored], config, size)
    return Editor(str(newest.get("user"))[:LONGEST_NAME], _ids(drafts), stored, left)


def accepted_items(task: object, config: LabelConfig) -> list[list[Item]]:
    """The masks in a task's annotations and drafts, skipped ones aside: each with the items that share its id."""
    stored = [entry for entry in _listed(task, "annotations") if entry.get("was_cancelled") is not True]
    families: dict[str, list[Item]] = {}
    for entry in (*stored, *_listed(task, "drafts")):
        items = _items(entry)
        masks = {id_of(item): [item] for item in items if item.get("from_name") == config.mask.name}
        for item in items:
            if id_of(item) in masks and item.get("from_name") != config.mask.name:
                masks[id_of(item)].append(item)
        families |= masks
    return list(families.values())


def _listed(task: object, key: str) -> list[Mapping[str, object]]:
    listed = task.get(key) if isinstance(task, Mapping) else None
    return [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []


def _items(entry: Mapping[str, object]) -> list[Item]:
    result = entry.get("result")
    return [item for item in result if isinstance(item, Mapping)] if isinstance(result, list) else []


def _ids(entries: Sequence[Mapping[str, object]]) -> frozenset[str]:
    return frozenset(id_of(item) for entry in entries for item in _items(entry)) - {""}


def _left(items: Sequence[Item], config: LabelConfig, size: tuple[int, int]) -> Prompts:
    """The prompts among a draft's items. A text in front of a mask was answered by that mask."""
    masks = [at for at, item in enumerate(items) if item.get("from_name") == config.mask.name]
    text = _text([item for item in items[masks[-1] + 1 if masks else 0 :] if _is_typed(item, config)], config)
    families = {id_of(item): [item] for item in items if id_of(item) and _is_drawn(item, config)}
    for item in items:  # labels, and a text for this region alone, share the id of what was drawn
        if id_of(item) in families and not _is_drawn(item, config):
            families[id_of(item)].append(item)
    newest = list(families.values())[-MOST_PROMPTS:]
    return Prompts(text, tuple(mark for family in newest for mark in _marks(family, config, size)))


def _is_typed(item: Item, config: LabelConfig) -> bool:
    return item.get("from_name") == config.prompt and config.prompt is not None


def _is_drawn(item: Item, config: LabelConfig) -> bool:
    """Whether an item is a smart box or point; the sign is what tells a smart point from a point for its own sake."""
    if item.get("from_name") in config.rectangles:
        return True
    value = item.get("value")
    signed = "is_positive" in item or (isinstance(value, Mapping) and "positive" in value)
    return item.get("from_name") in config.keypoints and signed


def _text(items: Sequence[Item], config: LabelConfig) -> Text | None:
    with contextlib.suppress(BadQuery):  # what an earlier version of the page left is no reason to refuse a click
        return read_text(items[-1:], config)
    return None


def _marks(family: Sequence[Item], config: LabelConfig, size: tuple[int, int]) -> tuple[Mark, ...]:
    with contextlib.suppress(BadQuery):
        return read_marks(family, config, size)
    return ()

"""What a step of learning found, as bytes: a run that was stopped goes on behind its last step."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from model.coco_rle import CocoRle, pack, unpack
from model.learning.guard import Marks
from model.types import Lesson


class Saved(Protocol):
    """What one run of learning has saved so far, by step."""

    def get(self, step: str) -> bytes | None:
        """What was saved under a step; None where nothing was."""

    def put(self, step: str, value: bytes) -> None:
        """Save what a step found."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Lessons that were fitted, objects that were found under lessons, by picture, and pictures that were left out."""

    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    marks: Mapping[str, Marks] = field(default_factory=dict)
    left_out: int = 0


def resumed(saved: Saved, name: str, compute: Callable[[], Step]) -> Step:
    """What was saved of a step, or else what it finds now, saved."""
    known = saved.get(name)
    if known is not None:
        return decoded(known)
    step = compute()
    saved.put(name, encoded(step))
    return step


def encoded(step: Step) -> bytes:
    """A step as JSON; embeddings as float32, masks as run lengths."""
    lessons = {label: _lesson(each) for label, each in step.lessons.items()}
    marks = {picture: {label: [_mask(mask) for mask in masks] for label, masks in each.items()}
             for picture, each in step.marks.items()}  # fmt: skip
    return json.dumps({"lessons": lessons, "marks": marks, "left_out": step.left_out}).encode()


def decoded(data: bytes) -> Step:
    """The step again."""
    read = json.loads(data)
    lessons = {label: _read_lesson(each) for label, each in read["lessons"].items()}
    marks = {picture: {label: tuple(_read_mask(mask) for mask in masks) for label, masks in each.items()}
             for picture, each in read["marks"].items()}  # fmt: skip
    return Step(lessons, marks, read["left_out"])


def _mask(mask: Any) -> list[Any]:
    packed = pack(mask)
    return [*packed.size, packed.counts.decode("ascii")]


def _read_mask(read: list[Any]) -> Any:
    height, width, counts = read
    return unpack(CocoRle((height, width), counts.encode("ascii")))


def _lesson(lesson: Lesson) -> dict[str, Any]:
    embeddings = {
        word: [*rows.shape, base64.b64encode(rows.astype(np.float32).tobytes()).decode()]
        for word, rows in lesson.embeddings.items()
    }
    changes = {section: dict(values) for section, values in lesson.changes.items()}
    return {
        "key": lesson.key,
        "phrases": lesson.phrases,
        "changes": changes,
        "embeddings": embeddings,
        "separate": lesson.separate,
    }


def _read_lesson(read: Mapping[str, Any]) -> Lesson:
    embeddings = {
        word: np.frombuffer(base64.b64decode(rows), np.float32).reshape(tokens, size)
        for word, (tokens, size, rows) in read["embeddings"].items()
    }
    changes = {
        section: {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        for section, values in read["changes"].items()
    }
    return Lesson(read["key"], tuple(read["phrases"]), changes, embeddings, read["separate"])

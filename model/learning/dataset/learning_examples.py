"""What there is to learn from: pictures as annotators left them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.coco_rle import CocoRle
from model.types import Image, Lesson

LEAST_PICTURES = 5  # with a label, before anything is adopted for it  # heuristic: each is held out once, in five folds


def needed(count: int) -> str:
    """How many more pictures have to be corrected, in words."""
    return f"{count} more corrected {'picture' if count == 1 else 'pictures'}"


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """One object as one annotator left it. phrase: the text that the mask came from, empty where none did."""

    annotator: str
    label: str
    mask: CocoRle
    phrase: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LearningExample:
    """One picture and what everybody said about it.

    `picture` names it (the task). `image` fetches it when it is needed, and raises BadImage where it is gone.
    annotators: the weight of everybody who submitted an annotation, of those without a mask, too; a ground-truth
    annotation weighs more than others.
    """

    picture: str
    image: Callable[[], Image]
    opinions: tuple[Opinion, ...]
    annotators: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Curriculum:
    """Everything that one revision is learned from.

    labels: the names that pre-annotation looks for, by label. in_force: the lessons so far, by label. preset: how
    pre-annotations are made. separate: as in `Query`, for labels that have learned nothing about it.
    """

    examples: tuple[LearningExample, ...]
    labels: Mapping[str, tuple[str, ...]]
    in_force: Mapping[str, Lesson]
    preset: str
    separate: bool = True

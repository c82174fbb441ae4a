"""The figures of a revision or a verdict, which the database keeps as JSON, as values for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JPEG = "data:image/jpeg;base64,"


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: scores in 0..1 of what was in force and of what was tried, on the same held-out pictures.

    missing: pictures with the label that are needed before anything can be learned. changes: what was tried, in words;
    `adopted`: whether it was better.
    """

    label: str
    pictures: int
    before: float
    after: float
    missing: int
    adopted: bool
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldOutPicture:
    """A held-out picture with the masks of annotators, before and after, as data URIs, and the scores of the last two.

    `picture` is the task's id.
    """

    picture: str
    label: str
    before: float
    after: float
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RevisionFigures:
    """All labels together, each label, and pictures; `pictures` counts those that were learned from."""

    pictures: int
    before: float
    after: float
    labels: tuple[LabelFigures, ...]
    scenes: tuple[HeldOutPicture, ...]


def read(figures: Mapping[str, Any]) -> RevisionFigures:
    """The figures as values."""
    overall, labels, scenes = figures["overall"], figures["labels"], figures["pictures"]
    return RevisionFigures(
        pictures=figures["used"],
        before=overall["before"],
        after=overall["after"],
        labels=tuple(_label(name, each) for name, each in labels.items()),
        scenes=tuple(_scene(each) for each in scenes),
    )


def score(value: float) -> str:
    """A score in 0..1 as people read it."""
    return f"{value:.2f}"


def _label(name: str, label: Mapping[str, Any]) -> LabelFigures:
    counts = label["pictures"], label["before"], label["after"], label["missing"]
    return LabelFigures(name, *counts, label["adopted"], tuple(label["changes"]))


def _scene(scene: Mapping[str, Any]) -> HeldOutPicture:
    images = {name: JPEG + scene["images"][name] for name in ("annotators", "before", "after")}
    before, after = scene["scores"]
    return HeldOutPicture(scene["picture"], scene["label"], before, after, images)

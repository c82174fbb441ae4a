"""How far a project has come: what it learned, and what is missing until more can be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from backend.labelstudio import label_config
from backend.learning.gather import pictures_of
from backend.learning.lesson_codec import decode
from backend.store import annotation_rows, projects, revisions
from model.errors import Misconfigured
from model.learning.dataset.learning_examples import LEAST_PICTURES, needed


@dataclass(frozen=True, slots=True)
class Progress:
    """annotations: how many count. number: the revision in force, 0 for none; learned: its labels.

    missing: by label, how many more pictures with it are needed; labels with enough are left out.
    """

    annotations: int
    number: int
    learned: tuple[str, ...]
    missing: Mapping[str, int]
    pinned: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """What is missing, a line for each label."""
        return tuple(f"{label}: {needed(count)}" for label, count in self.missing.items())

    def __str__(self) -> str:
        """One line for an operator."""
        if self.number:
            parts = [f"revision {self.number} is in force" + (f" ({', '.join(self.learned)})" if self.learned else "")]
        else:
            parts = ["nothing is learned yet"]
        parts += ["the project is pinned, so it learns nothing until it is unpinned"] if self.pinned else []
        if not self.annotations:
            parts.append("no annotation is submitted yet: accept or correct masks, and submit them")
        elif self.missing:
            parts.append(f"missing: {'; '.join(self.lines)}")
        else:
            parts.append("every label has enough corrected pictures")
        return "; ".join(parts)


def progress(connection: Connection, project: str) -> Progress:
    """A project's progress as its annotations stand; reads no mask."""
    chosen = revisions.in_force(connection, project)
    number, lessons = (0, b"") if chosen is None else (chosen.number, chosen.lessons)
    pinned = revisions.pinned(connection, project)
    return Progress(
        annotation_rows.basis(connection, project).count, number, _labels(lessons), missing(connection, project), pinned
    )


def missing(connection: Connection, project: str) -> Mapping[str, int]:
    """By label, how many more pictures with it are needed before anything can be learned about it.

    Where annotators contradict each other, it may take more.
    """
    known = projects.find(connection, project)
    try:
        config = label_config.read(known.label_config if known else "")
    except Misconfigured:  # the page and /setup say what is wrong with it
        return {}
    counts = Counter(
        label for labels in pictures_of(annotation_rows.labelled(connection, project), config) for label in labels
    )
    short = {label.value: LEAST_PICTURES - counts[label.value] for label in config.foreground}
    return {label: count for label, count in short.items() if count > 0}


def _labels(lessons: bytes) -> tuple[str, ...]:
    try:
        return tuple(sorted(decode(lessons).lessons)) if lessons else ()
    except Misconfigured:  # the project's page says so
        return ()

"""A request -> the same request with what the project was taught about its labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from backend.label_config import LabelConfig
from backend.prompting.prompts import Request
from model.values import Clause, Lesson

Lessons = Mapping[str, Lesson]  # by label, as results carry it


def taught(request: Request, lessons: Lessons, config: LabelConfig) -> Request:
    """Give each clause the lesson of the label that it is written for, or that its text names.

    A pre-annotation looks for the phrases of a label's lesson in place of its names. Points, boxes and strokes without
    a text are answered as ever.
    """
    if not lessons or not request.query.clauses:
        return request
    asked = request if request.interactive else _rephrased(request, lessons)
    pairs = zip(asked.query.clauses, asked.labels, strict=True)
    clauses = tuple(replace(clause, lesson=_lesson(clause, label, lessons, config)) for clause, label in pairs)
    return replace(asked, query=replace(asked.query, clauses=clauses))


def named_by(text: str, lessons: Lessons, config: LabelConfig) -> str | None:
    """The label with a lesson that a text names in whole words, in upper or lower case; of several the longest."""
    named = [
        (len(name), label.value)
        for label in config.labels
        if label.value in lessons
        for name in label.names
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    ]
    return max(named, key=lambda found: found[0])[1] if named else None


def _rephrased(request: Request, lessons: Lessons) -> Request:
    """A pre-annotation with the phrases of lessons, each label at the place of its first name."""
    asked = list(_phrased(request, lessons))
    query = replace(request.query, clauses=tuple(clause for clause, _ in asked))
    return replace(request, query=query, labels=tuple(label for _, label in asked))


def _phrased(request: Request, lessons: Lessons) -> Iterator[tuple[Clause, str | None]]:
    told: set[str] = set()
    for clause, label in zip(request.query.clauses, request.labels, strict=True):
        lesson = None if label is None else lessons.get(label)
        if label is None or lesson is None or not lesson.phrases:
            yield clause, label
        elif label not in told:
            told.add(label)
            yield from ((Clause(phrase, name=True), label) for phrase in lesson.phrases)  # as they were judged


def _lesson(clause: Clause, label: str | None, lessons: Lessons, config: LabelConfig) -> Lesson | None:
    label = named_by(clause.text, lessons, config) if label is None else label
    return None if label is None else lessons.get(label)

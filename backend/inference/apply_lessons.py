"""A request -> the same request with what the project was taught about its labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backend.labelstudio.label_config import Label, LabelConfig
from backend.prompting.prompts import Request
from model.types import Clause, Lesson

Lessons = Mapping[str, Lesson]  # by label, as results carry it


def taught(request: Request, lessons: Lessons, config: LabelConfig) -> Request:
    """Give each clause the lesson of the label that it is written for, or that its text names.

    A pre-annotation looks for the phrases of a label's lesson in place of its names; a typed text that names the label
    is asked with the first of them. Points, boxes and strokes without a text are answered as ever.
    """
    if not lessons:
        return request
    asked = _spoken(request.clauses, lessons, config) if request.interactive else _phrased(request.clauses, lessons)
    return replace(request, clauses=tuple(replace(each, lesson=lessons.get(each.label or "")) for each in asked))


def named_by(text: str, lessons: Lessons, config: LabelConfig) -> str | None:
    """The label with a lesson that a text names in whole words, in upper or lower case; of several the longest."""
    named = [
        (len(name), label.value)
        for label in config.labels
        if label.value in lessons
        for name in label.names
        if _named(name).search(text)
    ]
    return max(named, key=lambda found: found[0])[1] if named else None


def _phrased(clauses: Sequence[Clause], lessons: Lessons) -> Iterator[Clause]:
    """A pre-annotation with the phrases of lessons, each label at the place of its first name."""
    told: set[str] = set()
    for clause in clauses:
        label, lesson = clause.label, lessons.get(clause.label or "")
        if label is None or lesson is None or not lesson.phrases:
            yield clause
        elif label not in told:
            told.add(label)
            yield from (Clause(phrase, name=True, label=label) for phrase in lesson.phrases)  # as they were judged


def _spoken(clauses: Sequence[Clause], lessons: Lessons, config: LabelConfig) -> Iterator[Clause]:
    """What was typed, each clause with the label that it names, and the label's name as its lesson asks for it."""
    told = {label.value: (label, lessons[label.value].phrases) for label in config.labels if label.value in lessons}
    for clause in clauses:
        label = named_by(clause.text, lessons, config) if clause.label is None else clause.label
        text = _renamed(clause.text, *told[label]) if label in told else clause.text
        yield replace(clause, text=text, label=label)


def _renamed(text: str, label: Label, phrases: tuple[str, ...]) -> str:
    """A text with the label's name as its lesson asks for it: "the glorp on the left" as "the star on the left".

    A phrase that has the name in it would only narrow what was typed.
    """
    if not phrases or any(_named(name).search(phrase) for name in label.names for phrase in phrases):
        return text
    for name in sorted(label.names, key=len, reverse=True):
        text = _named(name).sub(lambda _: phrases[0], text)
    return text


def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)

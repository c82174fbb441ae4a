"""A small engine that answers by colour, so that tests of the server do not need models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.types import Answer, Clause, Finding, Hint, Image, Mask, Phrase, Query, Segment, Word

COLOURS = {"red": (200, 30, 30), "blue": (30, 60, 200), "green": (30, 150, 50)}


@dataclass(frozen=True)
class ColourEngine:
    """Finds the pixels of the colour that a text names, or of the colour under a click or inside a box."""

    name: str = "colours"

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:  # noqa: ARG002
        """Answer every clause by the colours it names and every hint by the colour it points at."""
        said = [(index, clause, colour) for index, clause in enumerate(query.clauses) for colour in _named(clause)]
        findings = tuple(_finding(image, index, clause, colour) for index, clause, colour in said)
        segments = [
            Segment(_alike(image, COLOURS[colour]), 0.9, finding.phrase, index)
            for finding, (index, _, colour) in zip(findings, said, strict=True)
            if finding.present
        ]
        segments += [Segment(_pointed_at(image, hint), 0.8, hint=index) for index, hint in enumerate(query.hints)]
        return Answer(tuple(segments), findings)

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None] = lambda: None
    ) -> tuple[Callable[[], Answer], ...]:
        """Answer one picture after the other, with nothing left to draw."""
        return tuple(ready(self.segment(image, query, give_way)) for image in images)

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:
        """It reads every text, up to a hundred characters."""
        return tuple(f"'{clause.text}' is too long" for clause in clauses if len(clause.text) > 100)


def ready(answer: Answer) -> Callable[[], Answer]:
    """How an answer is drawn that is ready."""
    return lambda: answer


def _named(clause: Clause) -> list[str]:
    return [colour for colour in COLOURS if colour in clause.text.casefold().split()]


def _finding(image: Image, index: int, clause: Clause, colour: str) -> Finding:
    start = clause.text.casefold().index(colour)
    phrase = Phrase(clause.text, Word(clause.text[start:], colour, start, len(clause.text)))
    present = bool(_alike(image, COLOURS[colour]).any())
    return Finding(phrase, index, np.ones((4, 4), np.float32), float(present), present)


def _pointed_at(image: Image, hint: Hint) -> Mask:
    points = [(point.x, point.y) for point in hint.points if point.positive]
    drawn = [corner for stroke in hint.strokes if stroke.positive for corner in stroke.corners]
    boxes = [] if hint.box is None else [((hint.box.x0 + hint.box.x1) / 2, (hint.box.y0 + hint.box.y1) / 2)]
    x, y = [*points, *drawn, *boxes][0]
    return _alike(image, tuple(int(channel) for channel in image[int(y), int(x)]))


def _alike(image: Image, colour: tuple[int, ...]) -> Mask:
    return np.asarray((np.abs(image.astype(int) - colour) < 20).all(axis=-1), np.bool_)

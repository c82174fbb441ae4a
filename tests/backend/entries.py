"""Entries of the journal, as the server makes them."""

from __future__ import annotations

import numpy as np

from backend.page.journal import AnsweredTask, Entry, entry_of
from backend.prompting.marks import Pointed
from backend.prompting.prompts import Request
from model.types import Answer, Box, Clause, Finding, Hint, Image, Phrase, Point, Segment, Word
from tests.backend.calls import picture
from tests.backend.colour_engine import COLOURS

TYPED = "the red thing"


def asked(text: str = TYPED, *hints: Hint) -> Request:
    """What an annotator asked for."""
    clauses = (Clause(text),) if text else ()
    return Request(clauses, tuple(Pointed(hint) for hint in hints))


def answered(image: Image, regions: int = 1) -> Answer:
    """The red pixels as regions, and a map that is bright in the upper left cell."""
    phrase = Phrase("red thing", Word("thing", "thing", 4, 9))
    mask = np.asarray((image == np.array(COLOURS["red"])).all(-1))
    scores = np.array([[1, 0], [0, 0]], np.float32)
    finding = Finding(phrase, 0, scores, 0.9, present=True)
    return Answer(tuple(Segment(mask, 0.9, phrase, 0) for _ in range(regions)), (finding,))


def entry(text: str = TYPED, message: str = "1 region, best 0.90", image: Image | None = None) -> Entry:
    """An entry about a text with a positive point, a negative one and a box."""
    image = picture(240, 320) if image is None else image
    height, width = image.shape[:2]
    points = (Point(width * 0.25, height * 0.25), Point(width * 0.75, height * 0.75, positive=False))
    hint = Hint(points, Box(0, 0, width / 2, height / 2))
    return entry_of(AnsweredTask("3.1795168390", "7", 0.21, message), image, asked(text, hint), answered(image))

"""Label names as teams write them -> what they call the same, and what to look for in a picture."""

from __future__ import annotations

import re

from model.text.normalize import ARTICLE, CLOSING, OPENING, clean

ASIDE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>)\s*")  # "circle [a]", "circle (round)"
DEEPEST = 3  # brackets in brackets
CLASS = re.compile(r"[:=>→\\]")  # "class: circle", "shape > circle", "shape=circle"
QUALIFIER = re.compile(r"\s+-+\s+")  # "circle - good"
CHOICE = re.compile(r"[/|]")  # "car/truck"
WORD = re.compile(r"[^\W\d_]{2,}")


def name_key(name: str) -> str:
    """What names are compared by: in small letters, without invisible characters and closing marks."""
    plain = clean(name).casefold()
    return CLOSING.sub("", plain) or plain or name


def without_article(name: str) -> str:
    """ "the circle" as "circle"; a name that is nothing but an article stays."""
    return ARTICLE.sub("", clean(name))


def spoken_names(name: str) -> tuple[str, ...]:
    """The names that stand in a label's name: "class: circle [a] - good" is "circle", "car/truck" two of them.

    What is left out says nothing that a picture shows. A name that would have no word left stays as it is.
    """
    core = _worded(CLASS, _without_asides(clean(name)), last=True)
    core = _worded(QUALIFIER, core, last=False)
    bare = OPENING.sub("", core)
    parts = [CLOSING.sub("", without_article(part.strip())) for part in CHOICE.split(bare) if part.strip()]
    if not all(WORD.search(part) for part in parts):
        parts = [bare.strip()]
    return tuple(part for part in parts if WORD.search(part)) or (name,)


def _without_asides(name: str) -> str:
    """The name without what stands in brackets; without the brackets alone where nothing else is a word."""
    outside = name
    for _ in range(DEEPEST):
        outside = ASIDE.sub(" ", outside)
    return outside.strip() if WORD.search(outside) else name.strip("()[]{}<> ")


def _worded(cut: re.Pattern[str], name: str, last: bool) -> str:
    """The last or first piece between cuts that holds a word; the whole where none does."""
    pieces = [piece.strip() for piece in cut.split(name) if WORD.search(piece)]
    return pieces[-1 if last else 0] if pieces else name

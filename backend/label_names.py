"""Label names as teams write them -> what they call the same, and what to look for in a picture."""

from __future__ import annotations

import re

from model.text.normalize import ARTICLE, CLOSING, clean

ASIDE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>)\s*")  # "circle [a]", "circle (round)"
QUALIFIER = re.compile(r"\s+-+\s+")  # "circle - good"
WORD = re.compile(r"[^\W\d_]{2,}")


def name_key(name: str) -> str:
    """What names are compared by: in small letters, without invisible characters and closing marks."""
    plain = clean(name).casefold()
    return CLOSING.sub("", plain) or plain


def without_article(name: str) -> str:
    """ "the circle" as "circle"; a name that is nothing but an article stays."""
    return ARTICLE.sub("", clean(name))


def spoken_names(name: str) -> tuple[str, ...]:
    """The names that stand in a label's name: "class: circle [a] - good" is "circle", "car/truck" two of them.

    What is left out says nothing that a picture shows. A name that would have no word left stays as it is.
    """
    plain = clean(name)
    core = ASIDE.sub(" ", plain).rpartition(":")[2]
    core = QUALIFIER.split(core.strip())[0]
    parts = [CLOSING.sub("", without_article(part.strip())) for part in core.split("/")]
    if not all(WORD.search(part) for part in parts):
        parts = [core.strip()]
    return tuple(part for part in parts if WORD.search(part)) or (name,)

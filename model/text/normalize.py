"""Text as people and their keyboards write it -> the words that parser and text encoder read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from itertools import pairwise

# NFKC makes ASCII of full-width letters and marks; these have no such form.
MARKS = str.maketrans({"、": ",", "。": ".", "‐": "-", "‑": "-", "–": "-", "—": "-", "′": "'", "`": "'"})  # noqa: RUF001
QUOTES = re.compile(r'["“”„‟«»「」『』]|(?<!\w)[\'‘’‚]|[\'‘’](?!\w)')  # noqa: RUF001
ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)
CLOSING = re.compile(r"[\s!?.,]+$")
CASES = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")  # before a capital inside a word: BlueCircle


def clean(text: str) -> str:
    """The text in compatibility form, without invisible characters and without quotes; line ends stay.

    Full-width marks become ASCII ones, so a text is cut where it was meant to be. Zero-width characters, direction
    marks and soft hyphens are dropped: nobody sees them, and each would part a word.
    """
    plain = unicodedata.normalize("NFKC", text).translate(MARKS)
    visible = "".join(letter for letter in plain if letter == "\n" or unicodedata.category(letter) not in ("Cf", "Cc"))
    return "\n".join(" ".join(QUOTES.sub(" ", line).split()) for line in visible.split("\n"))


def spoken(text: str, known: Container[str]) -> str:
    """A name in the words that it is made of: "blue_circle", "blue-circle" and "BlueCircle" are "blue circle".

    A word that is known as it stands is left whole, and so is one with a part of one letter (T-shirt, X-ray, iPhone).
    """
    plain = ARTICLE.sub("", CLOSING.sub("", clean(text))) or text.strip()
    return " ".join(part for word in plain.replace("_", " ").split() for part in _parts(word, known)) or plain


def _parts(word: str, known: Container[str]) -> list[str]:
    small = word.lower()
    if small in known or small.replace("-", "") in known:
        return [word]
    parts = [part for piece in word.split("-") for part in _cased(piece) if part]
    return parts if all(len(part) > 1 for part in parts) else [word]


def _cased(word: str) -> list[str]:
    cuts = [0, *(found.start() for found in CASES.finditer(word)), len(word)]
    return [word[start:end] for start, end in pairwise(cuts)]


def sentence(text: str, known: Container[str]) -> str:
    """A typed text in the words that it is made of. Hyphens stay: English has them ("left-hand")."""
    plain = CLOSING.sub("", clean(text)) or text.strip()
    if len(plain.split()) == 1:
        return spoken(plain, known)
    words = [part for word in plain.replace("_", " ").split() for part in _respelled(word, known)]
    return " ".join(words) or plain


def _respelled(word: str, known: Container[str]) -> list[str]:
    return _parts(word, known) if CASES.search(word) and "-" not in word else [word]

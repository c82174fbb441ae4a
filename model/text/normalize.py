"""Text as people and their keyboards write it -> the words that parser and text encoder read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from itertools import pairwise

# NFKC makes ASCII of full-width letters and marks; these have no such form, or a wrong one.
MARKS = str.maketrans(
    {
        **dict.fromkeys("、،﹑", ","),
        **dict.fromkeys("؛⁏", ";"),
        **dict.fromkeys("∶꞉", ":"),  # noqa: RUF001
        **dict.fromkeys("。｡۔", "."),  # noqa: RUF001
        "؟": "?",
        **dict.fromkeys("‐‑‒–—―−⁃", "-"),  # noqa: RUF001
        **dict.fromkeys("‘’‚‛ʼ′´`", "'"),  # noqa: RUF001
        **dict.fromkeys("【〔〖", "["),  # noqa: RUF001
        **dict.fromkeys("】〕〗", "]"),  # noqa: RUF001
    }
)
LINE_END = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
QUOTES = re.compile(r"[\"“”„‟«»‹›「」『』〈〉《》〝〞]|(?<!\w)'|'(?!\w)")  # noqa: RUF001
# Not of a category that tells it: variation selectors, fillers, and the grapheme joiner.
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)
CLOSING = re.compile(r"[\s!?.,;:*]+$")
OPENING = re.compile(r"^[^\w(\[{<]+(?=.*\w)")  # a bullet, "#", an upside-down question mark
JOINTS = re.compile(r"(?<=\w)[-.+~@|&=·・]+(?=\w)")  # between the words of a name
CASES = re.compile(r"(?<=l)(?=u)|(?<=u)(?=ull)")  # of upper and lower letters: BlueCircle, BLUECircle, but not DVDs
NUMBERED = re.compile(r"(\D+?)(\d+)")
# What follows a noun rather than an adjective: "the blue-circle on the left", but "the left-hand circle".
AFTER_NOUNS = frozenset(
    "and or on in at of with without by near behind under over above below beside between inside next to from for "
    "that which who is are".split()
)


def clean(text: str) -> str:
    """The text in compatibility form, without invisible characters and without quotes; line ends stay.

    Full-width marks become ASCII ones, so a text is cut where it was meant to be. Zero-width characters, direction
    marks and soft hyphens are dropped: nobody sees them, and each would part a word.
    """
    return "\n".join(_clean_line(line) for line in LINE_END.split(text))


def _clean_line(line: str) -> str:
    seen = unicodedata.normalize("NFKC", INVISIBLE.sub("", line.translate(MARKS)))
    visible = "".join(
        letter for letter in seen if letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc", "Cs")
    )
    composed = unicodedata.normalize("NFKC", INVISIBLE.sub("", visible)).translate(MARKS)
    return " ".join(QUOTES.sub(" ", composed).split())


def spoken(text: str, known: Container[str]) -> str:
    """A name in the words that it is made of: "blue_circle", "blue-circle" and "BlueCircle" are "blue circle".

    A word that is known as it stands is left whole, and so is one with a part of one letter (T-shirt, X-ray, iPhone).
    """
    plain = _bare(text)
    words = (part for word in plain.replace("_", " ").split() for part in _parts(word, known))
    return ARTICLE.sub("", " ".join(words)) or plain


def sentence(text: str, known: Container[str]) -> str:
    """A typed text in the words that it is made of.

    English has hyphens ("left-hand"), so they part words only where two known ones stand as a noun.
    """
    plain = _bare(text)
    words = plain.replace("_", " ").split()
    if len(words) == 1:
        return spoken(plain, known)
    return " ".join(part for pair in pairwise([*words, ""]) for part in _respelled(*pair, known)) or plain


def _bare(text: str) -> str:
    """The text without emoji and without marks around it, where anything else is left."""
    plain = "".join(" " if unicodedata.category(letter) == "So" else letter for letter in clean(text))
    return OPENING.sub("", CLOSING.sub("", plain.strip())) or clean(text).strip() or text.strip()


def _parts(word: str, known: Container[str]) -> list[str]:
    small = word.lower()
    if small in known or small.replace("-", "") in known:
        return [word]
    parts = [part for piece in JOINTS.split(word) for cased in _cased(piece) for part in _numbered(cased, known)]
    lone = any(len(part) == 1 and not part.isdecimal() for part in parts)
    return [word] if lone or all(part.isdecimal() for part in parts) else parts


def _cased(word: str) -> list[str]:
    cases = "".join("u" if letter.isupper() else "l" if letter.islower() else "-" for letter in word)
    cuts = [0, *(found.start() for found in CASES.finditer(cases)), len(word)]
    return [word[start:end] for start, end in pairwise(cuts)]


def _numbered(word: str, known: Container[str]) -> list[str]:
    """ "circle2" as "circle 2"; "mp3" is one word, as "mp" is none."""
    found = NUMBERED.fullmatch(word)
    return [*found.groups()] if found and found[1].lower() in known else [word]


def _respelled(word: str, following: str, known: Container[str]) -> Iterator[str]:
    parts = word.rstrip(",").split("-")
    if "-" not in word and len(_cased(word)) > 1:
        yield from _parts(word, known)
    elif (
        len(parts) == 2
        and (word.endswith(",") or not following or following.lower() in AFTER_NOUNS)
        and all(len(part) > 1 and part.lower() in known for part in parts)
        and "".join(parts).lower() not in known
    ):
        yield from word.split("-")
    else:
        yield word

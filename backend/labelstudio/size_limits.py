"""How large and how deep JSON and labelling configs may be, seen before anything is built of them."""

from __future__ import annotations

import json
from typing import Any
from xml.parsers import expat

import numpy as np

from model.errors import Misconfigured

DEEPEST = 100  # heuristic: levels, some five times what Label Studio's own requests and the widest configs have
MOST_PARTS = 1_000_000  # heuristic: lists and objects of a request; 32 MB can hold ten million, which take a gigabyte
LONGEST_CONFIG = 4_000_000  # heuristic: characters, 400 for each of 10,000 labels
MOST_TAGS = 50_000  # heuristic: elements of a labelling config, which take half a second
CHUNK = 1_000_000  # heuristic: bytes that are looked at together
QUOTE, OPENING, CLOSING = ord('"'), ord("{"), ord("}")
SQUARE = 0x20  # the bit by which "[" and "]" differ from "{" and "}", and no other letter does


class Exceeded(ValueError):
    """JSON that is not read."""


def loads(raw: bytes) -> Any:
    """Read JSON. Raises ValueError for what is none, and Exceeded for what is too much."""
    encoding = json.detect_encoding(raw)
    text = raw.decode(encoding, "surrogatepass")
    plain = raw if encoding.startswith("utf-8") else text.encode("utf-8", "surrogatepass")
    if plain.count(b"[") + plain.count(b"{") > DEEPEST:
        check_json(plain)
    return json.loads(text)


def check_json(plain: bytes) -> None:
    """Count lists and objects, and the levels of them, in JSON as UTF-8. Raises Exceeded."""
    bare = plain.replace(rb"\\", b"").replace(rb"\"", b"")  # quotes are left where texts begin and end
    quotes, level, parts = 0, 0, 0
    for at in range(0, len(bare), CHUNK):
        letters = np.frombuffer(bare, np.uint8, min(CHUNK, len(bare) - at), at)
        is_quote = letters == QUOTE
        outside = (np.cumsum(is_quote, dtype=np.int32) + quotes) % 2 == 0
        folded = letters | SQUARE
        opened = outside & (folded == OPENING)
        levels = level + np.cumsum(opened.astype(np.int8) - (outside & (folded == CLOSING)), dtype=np.int32)
        quotes, level, parts = quotes + int(is_quote.sum()), int(levels[-1]), parts + int(opened.sum())
        if levels.max() > DEEPEST:
            raise Exceeded(f"The request is not valid JSON, or is nested deeper than {DEEPEST} levels")
        if parts > MOST_PARTS:
            raise Exceeded(f"The request has more than {MOST_PARTS:,} lists and objects: send fewer tasks at a time")


def check_config(xml: str) -> None:
    """Go through a labelling config without keeping it. Raises Misconfigured; XML that is none passes."""
    if len(xml) > LONGEST_CONFIG:
        size, most = len(xml) / 1e6, LONGEST_CONFIG / 1e6
        raise Misconfigured(
            f"Labeling config has {size:.1f} million characters, but may have {most:g}: use fewer labels"
        )
    parser, depth = expat.ParserCreate(), _Depth()
    parser.StartElementHandler, parser.EndElementHandler = depth.begin, depth.end
    parser.StartDoctypeDeclHandler = _refuse  # before its entities grow
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError):
        return


class _Depth:
    """Counts elements, and those that are open."""

    def __init__(self) -> None:
        self._open, self._all = 0, 0

    def begin(self, _name: str, _attributes: object) -> None:
        self._open, self._all = self._open + 1, self._all + 1
        if self._open > DEEPEST:
            raise Misconfigured(f"Labeling config is nested deeper than {DEEPEST} tags")
        if self._all > MOST_TAGS:
            raise Misconfigured(f"Labeling config has more than {MOST_TAGS:,} tags: use fewer labels")

    def end(self, _name: str) -> None:
        self._open -= 1


def _refuse(*_: object) -> None:
    raise Misconfigured("Labeling config is not readable XML")

"""What a webhook sends, as bytes -> a document, with the masks set aside: they are most of it, and can be read later.

A mask's run-length code is a list of up to a million numbers, which Python takes longer to read than an annotator's
Submit should wait. So each such list stays text, is cut out by looking for its brackets, and leaves its number behind.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backend.labelstudio import size_limits

KEY = b'"rle"'
OPENING = re.compile(rb"\s*:\s*\[")
SPACE, DIGITS = b" \t\r\n", b"0123456789,"
COMPRESSED_BELOW = 500_000  # bytes; a larger body is kept for a moment only, and compressing it would take too long
MOST_CODES = 10_000  # of one request that are set aside; a hostile one can have millions
ZLIB = b"\x78"  # first byte of compressed data; a document begins with a brace


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON object in which `"rle": 3` stands for the numbers of `codes[3]`: digits and commas, as text."""

    document: dict[str, Any]
    codes: tuple[bytes, ...] = ()

    def packed(self) -> bytes:
        """As one piece of data for the database; `unpacked` reads it. Raises ValueError as `read` does."""
        try:
            head = json.dumps(self.document, separators=(",", ":")).encode()
        except RecursionError as error:
            raise ValueError("The request is nested too deeply") from error
        plain = b"\n".join([head, *self.codes])
        return zlib.compress(plain, 1) if len(plain) < COMPRESSED_BELOW else plain


def read(raw: bytes) -> Body:
    """The object in a request's body. Raises ValueError for what is no JSON object."""
    pieces: list[bytes] = []
    codes: list[bytes] = []
    at = 0
    for start, end in islice(_lists(raw), MOST_CODES):
        numbers = raw[start:end].translate(None, SPACE)
        if not numbers.translate(None, DIGITS):
            pieces += [raw[at : start - 1], str(len(codes)).encode()]
            codes.append(numbers)
            at = end + 1
    document = size_limits.loads(b"".join([*pieces, raw[at:]]))
    if not isinstance(document, dict):
        raise ValueError("The request has to be a JSON object")
    return Body(document, tuple(codes))


def unpacked(data: bytes) -> Body:
    """What `packed` made data of."""
    plain = zlib.decompress(data) if data.startswith(ZLIB) else data
    head, *codes = plain.split(b"\n")
    return Body(json.loads(head), tuple(codes))


def numbers(code: object, body: Body) -> object:
    """The run-length code that a document has under "rle": a list of numbers, or whatever else stands there."""
    if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code < len(body.codes):
        return code
    return json.loads(b"[%b]" % body.codes[code])


def _lists(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the lists under "rle" begin and end, brackets left out; a list with a text in it is none of these."""
    at = raw.find(KEY)
    while at >= 0:
        at += len(KEY)
        opening = OPENING.match(raw, at)
        if opening:
            quote = raw.find(b'"', opening.end())
            end = raw.find(b"]", opening.end(), quote if quote >= 0 else len(raw))
            if end >= 0:
                yield opening.end(), end
                at = end
        at = raw.find(KEY, at)

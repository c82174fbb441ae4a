"""The segments of a JPEG's file, read without its pixels (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

START = b"\xff\xd8\xff"
END_OF_IMAGE = b"\xff\xd9"
MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")  # those left out have no length
END, SCAN, BEGIN = 0xD9, 0xDA, 0xD8
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # say height and width
# heuristic: a 16 x 16 block has six 8 x 8 ones, each of two codes, so that a whole picture never has so few bits
LEAST_BITS = 4


@dataclass(frozen=True, slots=True)
class JpegSegment:
    """A marker's second byte, and where what follows its length begins."""

    kind: int
    start: int


def segments(data: bytes) -> Iterator[JpegSegment]:
    """The segments until the end of the image; what stands behind it, such as a film, is left alone."""
    at = 0
    while (marker := MARKER.search(data, at)) is not None and marker[1][0] != END:
        yield JpegSegment(marker[1][0], marker.end() + 2)
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        at = marker.end() + (0 if marker[1][0] == BEGIN else length)  # the start of the image has no length


def scans(data: bytes) -> int:
    """How often a JPEG goes over its pixels."""
    return sum(segment.kind == SCAN for segment in segments(data))


def shows_nothing(data: bytes) -> bool:
    """Whether a file ends at the beginning of its pixels, where browsers have drawn nothing yet."""
    pixels = 0
    for segment in segments(data):
        if segment.kind in FRAMES:
            height, width = (int.from_bytes(data[segment.start + at : segment.start + at + 2], "big") for at in (1, 3))
            pixels = height * width
        if segment.kind == SCAN:
            return (len(data) - segment.start) * 8 < LEAST_BITS * pixels / 256
    return True

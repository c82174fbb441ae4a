"""Damage that browsers overlook, mended: a file without its end, and a PNG with metadata that cannot be read.

Chromium 156 shows what is left of a JPEG, PNG or BMP, and so do we. Of a WebP or AVIF without its end it shows nothing.
A GIF is refused as well: frames without their end are rare and their code cannot be filled up.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from backend.pictures.formats import jpeg, png

BMP = b"BM"
SHOWN = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf")  # the chunks that decide how a PNG is shown
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
PORTION = 1 << 20  # bytes of pixels that are unpacked at a time
LEAST = 0.02  # heuristic: share of the pixels that has to be left; a file with less is better uploaded again

CUT = "the picture's file ends too early: part of it may be missing"
LEFT_OUT = "metadata in the picture's file is too long or damaged and was left out"


@dataclass(frozen=True, slots=True)
class Repair:
    """A file that decodes, and in words for an annotator what was overlooked."""

    data: bytes
    note: str


def repaired(data: bytes, max_pixels: int) -> Repair | None:
    """The file mended; None where next to nothing of the picture is left, or it has more than `max_pixels`."""
    if data.startswith(jpeg.START):
        return None if jpeg.shows_nothing(data) else Repair(data + jpeg.END_OF_IMAGE, CUT)
    if data.startswith(BMP):
        return _bmp(data, max_pixels)
    return _png(data, max_pixels) if data.startswith(png.SIGNATURE) else None


def _bmp(data: bytes, max_pixels: int) -> Repair | None:
    """A bitmap says how long it is and where its pixels begin; Windows and OS/2 write the same first 14 bytes."""
    size, start = (int.from_bytes(data[at : at + 4], "little") for at in (2, 10))
    missing = size - len(data)
    if missing <= 0 or size > start + 4 * max_pixels or len(data) - start < LEAST * size:
        return None
    return Repair(data + bytes(missing), _share(missing, size))


def _png(data: bytes, max_pixels: int) -> Repair | None:
    chunks = [(kind, body) for kind, body in _chunks(data) if kind in SHOWN]
    packed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    if not packed or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        return None
    most = _unpacked_size(chunks[0][1], max_pixels)
    whole, missing = _filled(packed, most)
    if missing and most - missing < LEAST * most:
        return None
    head = b"".join(png.chunk(kind, body) for kind, body in chunks if kind != b"IDAT")
    mended = png.SIGNATURE + head + png.chunk(b"IDAT", whole) + png.chunk(b"IEND", b"")
    return Repair(mended, _share(missing, most) if missing else LEFT_OUT)


def _share(missing: int, most: int) -> str:
    return f"{CUT} (about {max(1, round(100 * missing / most))} %)"


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of a PNG's chunks, the pixels as far as they are there (PNG specification, section 5.3).

    Others are left out where they do not fit their checksum. Browsers do not look at that of the pixels.
    """
    at = len(png.SIGNATURE)
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : end]
        if kind == b"IDAT" or data[end : end + 4] == struct.pack(">I", zlib.crc32(kind + body)):
            yield kind, body
        at = end + 4


def _unpacked_size(header: bytes, max_pixels: int) -> int:
    """Bytes of all rows, each behind one that names its filter; 0 where the picture is interlaced, or too large."""
    width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if interlaced or colour not in CHANNELS or width * height > max_pixels:
        return 0
    return int(height * (1 + -(-width * bits * CHANNELS[colour] // 8)))


def _filled(packed: bytes, most: int) -> tuple[bytes, int]:
    """The packed rows, filled up with zeros to `most` bytes, and how many of these were missing."""
    unpack, pack = zlib.decompressobj(), zlib.compressobj(1)
    found, parts, rest = 0, [], packed
    try:
        while rest and found < most:
            portion = unpack.decompress(rest, min(PORTION, most - found))
            found, rest = found + len(portion), unpack.unconsumed_tail
            parts.append(pack.compress(portion))
        if not rest:
            portion = unpack.flush()[: most - found]  # some bytes of the last match
            found += len(portion)
            parts.append(pack.compress(portion))
    except zlib.error:  # browsers show what comes before the damage
        pass
    if found == most:
        return packed, 0
    for start in range(found, most, PORTION):
        parts.append(pack.compress(bytes(min(PORTION, most - start))))
    return b"".join([*parts, pack.flush()]), most - found

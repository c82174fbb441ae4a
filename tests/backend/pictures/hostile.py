"""Files that are no picture, less than one, or far more than they seem."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
from PIL import Image as Picture

from tests.backend.site import COLOUR, PNG, file_of

SMALL = Picture.new("RGB", (30, 20), COLOUR)
JPEG, GIF, WEBP, BMP, AVIF = (file_of(SMALL, kind) for kind in ("JPEG", "GIF", "WEBP", "BMP", "AVIF"))
NOISE = Picture.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8))
ZEROS = zlib.compress(bytes(200_000_000), 9)  # 200 MB in 200 KB


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size, with chunks before its pixels."""
    ihdr = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return PNG[:8] + chunk(b"IHDR", ihdr) + b"".join(chunks) + PNG[33:]


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """With the first of some bytes exchanged, which have to be there."""
    assert old in data
    return data.replace(old, new, 1)


def sized(width: int, height: int, count: int, order: str = "little") -> bytes:
    """A width and a height as file formats write them."""
    return b"".join(side.to_bytes(count, order) for side in (width, height))  # type: ignore[arg-type]


def scanned(times: int) -> bytes:
    """A progressive JPEG that goes over its pixels again and again, for 23 bytes each time."""
    data = file_of(Picture.new("L", (300, 200)), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * times + data[-2:]


def icon(inner: bytes) -> bytes:
    """An icon of one picture, whose size it does not tell."""
    return b"\0\0\1\0\1\0" + bytes([16, 16, 0, 0, 1, 0, 32, 0]) + sized(len(inner), 22, 4) + inner


def zipped() -> bytes:
    """An archive with a program in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("__main__.py", "print('hello')")
    return stream.getvalue()


def film(frames: int) -> bytes:
    """An animated GIF; all frames but the first are damaged."""
    start = GIF.index(b",", 10)
    return GIF[:-1] + (b"!\xf9\x04\0\0\0\0\0" + GIF[start : start + 10] + b"\x08\x01\xff\0") * frames + b";"


MEGAPIXELS = "image: more than 100 megapixels"
NO_PICTURE = "image: the file is damaged or no picture"
EMPTY = "image: the file is empty: upload it again"
DAMAGED = "image: the file is damaged or cut off: upload it again"


def not_served(name: str) -> str:
    return f"image: the file is {name}, a format that is not served: convert it to JPEG or PNG"


HOSTILE: dict[str, tuple[bytes, str]] = {
    "PNG of 3600 megapixels": (png_of(60_000, 60_000), MEGAPIXELS),
    "PNG of one pixel too many": (png_of(100_000_001, 1), MEGAPIXELS),
    "PNG cut off at its first pixels": (file_of(NOISE)[:200], DAMAGED),
    "PNG without pixels": (PNG[:33] + chunk(b"IEND", b""), DAMAGED),
    "PNG with a wrong checksum": (PNG[:29] + b"oops" + PNG[33:], NO_PICTURE),
    "GIF with a screen of 4294 megapixels": (GIF[:6] + sized(65535, 65535, 2) + GIF[10:], MEGAPIXELS),
    "GIF with a frame beyond its screen": (
        replaced(GIF, b",\0\0\0\0" + sized(30, 20, 2), b",\0\0\0\0" + sized(65535, 65535, 2)),
        MEGAPIXELS,
    ),
    "WebP of 268 megapixels": (
        replaced(WEBP, b"\x9d\x01\x2a" + sized(30, 20, 2), b"\x9d\x01\x2a" + sized(16383, 16383, 2)),
        MEGAPIXELS,
    ),
    "BMP of 3600 megapixels": (replaced(BMP, sized(30, 20, 4), sized(60_000, 60_000, 4)), MEGAPIXELS),
    "AVIF of 3600 megapixels": (replaced(AVIF, sized(30, 20, 4, "big"), sized(60_000, 60_000, 4, "big")), NO_PICTURE),
    "JPEG of 4290 megapixels": (replaced(JPEG, sized(20, 30, 2, "big"), sized(65500, 65500, 2, "big")), MEGAPIXELS),
    "JPEG that is scanned 1000 times": (scanned(1000), "image: the JPEG goes over its pixels more than 50 times"),
    "TIFF, which browsers do not show": (file_of(SMALL, "TIFF"), not_served("TIFF")),
    "icon around a PNG of 3600 megapixels": (icon(png_of(60_000, 60_000)), not_served("an icon (ICO)")),
    "EPS, for which Ghostscript would run": (file_of(SMALL, "EPS"), not_served("PostScript")),
    "PDF": (file_of(SMALL, "PDF"), not_served("PDF")),
    "SVG with a script": (
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        not_served("SVG"),
    ),
    "HTML behind a JPEG's beginning": (JPEG[:20] + b"<html><script>alert(1)</script></html>" * 9, NO_PICTURE),
    "script in a GIF's clothes": (b"GIF89a/*" + bytes(40) + b"*/=1;alert(1)//", NO_PICTURE),
    "archive": (zipped(), not_served("an archive (ZIP)")),
    "nothing": (b"", EMPTY),
    "zeros": (bytes(100_000), NO_PICTURE),
}
HARMLESS: dict[str, bytes] = {
    "JPEG cut off": file_of(NOISE, "JPEG")[:3000],
    "JPEG with an archive behind it": JPEG + zipped(),
    "JPEG with scans behind its end": JPEG + scanned(1000),
    "GIF with 10,000 damaged frames": film(10_000),
    "PNG with a packed text of 200 MB": png_of(7, 5, chunk(b"zTXt", b"k\0\0" + ZEROS)),
    "PNG with an international text of 200 MB": png_of(7, 5, chunk(b"iTXt", b"k\0\1\0\0\0" + ZEROS)),
    "PNG with a colour profile of 200 MB": png_of(7, 5, chunk(b"iCCP", b"k\0\0" + ZEROS)),
    "PNG with a text": png_of(7, 5, chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")),
}

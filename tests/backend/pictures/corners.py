"""A process that decodes and segments pictures at the corners of what is allowed.

`python -m tests.backend.pictures.corners KIND:WxH ...`, a kind of `KINDS` or `click`, `box` and `text`: decode an RGB
PNG and ask for masks. Prints how many bytes a pixel memory grew by at its peak, beyond what no size changes (`FIXED`),
and how many masks of the picture's size came of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial

import cv2
import numpy as np
from PIL import Image as Pictures

from backend.pictures.decoding import decode
from model.engine import Engine
from model.loading import EnginePaths, load_engine
from model.types import Box, Clause, Hint, Point, Query
from tests.backend.site import file_of
from tests.model.memory import growth

FIXED = {True: 32 * 2**20, False: 8 * 2**20}  # with and without an answer
ORIENTATION = 0x0112


def picture(width: int, height: int, mode: str = "RGB") -> Pictures.Image:
    """A red rectangle on grey, half transparent where the mode has transparency."""
    image = Pictures.new("RGB", (width, height), (128, 128, 128))
    image.paste((200, 30, 30), (width // 4, height // 4, max(width // 2, 1), max(height // 2, 1)))
    image.putalpha(100) if mode == "RGBA" else None
    return image.convert(mode)


def png(width: int, height: int, mode: str = "RGB", orientation: int = 1) -> bytes:
    """The picture as a PNG."""
    exif = Pictures.Exif()
    exif[ORIENTATION] = orientation
    return file_of(picture(width, height, mode), exif=exif, compress_level=1)


def deep(width: int, height: int) -> bytes:
    """A dark PNG of 16 bits for each of red, green, blue and alpha."""
    pixels = np.full((height, width, 4), 800, np.uint16)
    pixels[: height // 2] = 2000
    pixels[..., 3] = 0xFFFF
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def saved(kind: str, mode: str, width: int, height: int) -> bytes:
    """The picture in another format."""
    options = {"WEBP": {"method": 0}, "AVIF": {"speed": 10}}.get(kind, {})
    return file_of(picture(width, height, mode), kind, **options)


KINDS: dict[str, Callable[[int, int], bytes]] = {
    "png": png,
    "cut": lambda width, height: png(width, height)[:-30],
    "turned": partial(png, mode="RGBA", orientation=6),
    "deep": deep,
    "jpeg": partial(saved, "JPEG", "RGB"),
    "cmyk": partial(saved, "JPEG", "CMYK"),
    "webp": partial(saved, "WEBP", "RGBA"),
    "avif": partial(saved, "AVIF", "RGB"),
    "gif": partial(saved, "GIF", "P"),
    "bmp": partial(saved, "BMP", "RGB"),
}


def query(kind: str, width: int, height: int) -> Query:
    """What is asked about a picture."""
    box = Box(0.2 * width, 0.2 * height, 0.6 * width, 0.6 * height)
    return {
        "click": Query(hints=(Hint((Point(0.3 * width, 0.3 * height),)),)),
        "box": Query(hints=(Hint(box=box),)),
        "text": Query((Clause("red rectangle"),)),
    }[kind]


def look(data: bytes, asked: Query | None, shapes: list[bool]) -> None:
    """Decode a picture and ask about it; note of each mask whether it has the picture's size."""
    image = decode(data, 100_000_000).pixels
    if asked is not None:
        shapes += [segment.mask.shape == image.shape[:2] for segment in engine().segment(image, asked).segments]


@cache
def engine() -> Engine:
    """The embedded models."""
    return load_engine(EnginePaths())


if __name__ == "__main__":
    corners = [corner.partition(":")[::2] for corner in sys.argv[1:]]
    warm: set[str] = set()
    for kind, size in corners:
        if kind not in warm:  # what is loaded once
            look(KINDS.get(kind, png)(64, 64), None if kind in KINDS else query(kind, 64, 64), [])
            warm.add(kind)
        width, height = map(int, size.split("x"))
        data, shapes = KINDS.get(kind, png)(width, height), list[bool]()
        asked = None if kind in KINDS else query(kind, width, height)
        grown = max(growth(partial(look, data, asked, shapes)) - FIXED[asked is not None], 0)
        print(f"{kind}:{size}", round(grown / (width * height), 1), sum(shapes), flush=True)

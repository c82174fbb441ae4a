"""A process that decodes and segments pictures of extreme sides: `python -m tests.backend.pictures.corners WxH ...`.

Prints for each how many bytes a pixel its memory grew by at its peak, beyond 64 MB that no size changes, and how many
masks of the picture's size came of it.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from PIL import Image as Pictures

from backend.pictures.decoding import decode
from model.load import EnginePaths, load_engine
from model.values import Hint, Point, Query
from tests.backend.site import file_of
from tests.model.memory import growth

FIXED = 64 * 2**20


def picture(width: int, height: int) -> bytes:
    """A PNG with a red rectangle on grey."""
    image = Pictures.new("RGB", (width, height), (128, 128, 128))
    image.paste((200, 30, 30), (width // 4, height // 4, max(width // 2, 1), max(height // 2, 1)))
    return file_of(image, compress_level=1)


def look(data: bytes, place: Point, shapes: list[bool]) -> None:
    """Decode a picture and click on it; note of each mask whether it has the picture's size."""
    image = decode(data, 100_000_000).pixels
    answer = engine.segment(image, Query(hints=(Hint((place,)),)))
    shapes += [segment.mask.shape == image.shape[:2] for segment in answer.segments]


if __name__ == "__main__":
    engine = load_engine(EnginePaths())
    engine.segment(np.zeros((64, 64, 3), np.uint8), Query(hints=(Hint((Point(5, 5),)),)))
    for size in sys.argv[1:]:
        width, height = map(int, size.split("x"))
        data, place = picture(width, height), Point(0.3 * width, 0.3 * height)
        shapes: list[bool] = []
        grown = max(growth(partial(look, data, place, shapes)) - FIXED, 0)
        print(size, round(grown / (width * height), 1), sum(shapes), flush=True)

"""Small data sets in their real file formats, written by the tests that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from pycocotools import mask as rle

SIZE = (20, 30)  # (H, W) of every picture here


def block(top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
    """A mask (H, W) of one rectangle."""
    mask = np.zeros(SIZE, np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pictures.fromarray(np.full((*SIZE, 3), 90, np.uint8)).save(path)


def write_palette(path: Path, labels: NDArray[np.uint8]) -> None:
    """A palette picture, as VOC's label maps are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Pictures.fromarray(labels, "L").convert("P")
    picture.putdata(labels.ravel().tolist())
    picture.putpalette([channel for value in range(256) for channel in (value, 255 - value, value // 2)])
    picture.save(path)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value))


def polygon(top: int, left: int, bottom: int, right: int) -> list[list[float]]:
    """A rectangle as COCO's polygons: corners x, y in pixels."""
    return [[left, top, right, top, right, bottom, left, bottom]]


def counts(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Uncompressed run lengths, column by column, as COCO writes crowds."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def packed(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Compressed run lengths with a text for counts, as in JSON."""
    found = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(found["size"]), "counts": found["counts"].decode()}

"""Reading the files that data sets are made of; what is missing or broken is told by its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from pycocotools import mask as rle

from model.errors import Misconfigured
from model.types import Image, Mask


def there(path: Path, what: str) -> Path:
    """The path, if it is there. Raises Misconfigured that says what is missing."""
    if not path.exists():
        raise Misconfigured(f"{what} is missing: no {path}")
    return path


def picture(path: Path) -> Image:
    """A picture file as (H, W, 3). It is not turned by EXIF: annotations are drawn on the pixels as stored."""
    with Pictures.open(there(path, "a picture")) as opened:
        return np.array(opened.convert("RGB"))


def values(path: Path) -> NDArray[np.uint8]:
    """A palette or grey picture file as its stored values (H, W). Raises Misconfigured for a picture in colours."""
    with Pictures.open(there(path, "a label map")) as opened:
        if opened.mode not in ("P", "L"):
            raise Misconfigured(f"{path}: a label map has one palette index or grey value per pixel, not {opened.mode}")
        return np.array(opened)


def lines(path: Path, what: str) -> tuple[str, ...]:
    """The lines of a text file, empty ones left out."""
    return tuple(line.strip() for line in there(path, what).read_text().splitlines() if line.strip())


def read_json(path: Path, what: str) -> Any:
    """A JSON file. Raises Misconfigured where it is missing or cut off."""
    try:
        return json.loads(there(path, what).read_text())
    except json.JSONDecodeError as error:
        raise Misconfigured(f"{what}: {path} is not JSON ({error})") from error


def mask_of(segmentation: Any, size: tuple[int, int]) -> Mask:
    """A COCO segmentation (polygons, or run lengths as a list or compressed) as a mask of `size` (H, W).

    Polygons of fewer than three corners are left out, as everybody does.
    """
    if isinstance(segmentation, list):
        polygons = [polygon for polygon in segmentation if len(polygon) >= 6 and len(polygon) % 2 == 0]
        if not polygons:
            return np.zeros(size, np.bool_)
        packed = rle.merge(rle.frPyObjects(polygons, *size))
    elif isinstance(segmentation["counts"], list):
        packed = rle.frPyObjects(segmentation, *segmentation["size"])
    else:
        packed = segmentation
    return np.asarray(rle.decode(packed), np.bool_)

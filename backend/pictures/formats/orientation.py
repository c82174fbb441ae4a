"""Which way up a browser shows a picture."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow

from model.types import Image

# Chromium 156 turns these, by EXIF alone: not by XMP, and not WebP. Pillow gives AVIF's own turning as EXIF.
TURNED = ("AVIF", "JPEG", "MPO", "PNG")
# For each orientation of EXIF: are rows and columns exchanged, and which axes are reversed then (EXIF 2.32, 4.6.4)?
WAYS: dict[int, tuple[bool, tuple[int, ...]]] = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


def turned(pixels: Image, file: Pillow.Image) -> Image:
    """The pixels (H, W, 3) of an opened file as browsers show them."""
    exchanged, reversed_axes = WAYS.get(orientation(file), (False, ()))
    upright = pixels.transpose(1, 0, 2) if exchanged else pixels
    return np.ascontiguousarray(np.flip(upright, reversed_axes))


def orientation(file: Pillow.Image) -> int:
    """The orientation that counts in browsers, 1..8; 1 where it is missing or cannot be read."""
    exif = Pillow.Exif()
    data = file.info.get("exif")
    if file.format not in TURNED or not isinstance(data, bytes):
        return 1
    try:
        exif.load(data)
        found = exif.get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF makes Pillow raise nearly anything; browsers overlook it
        return 1
    return found if isinstance(found, int) and found in WAYS else 1

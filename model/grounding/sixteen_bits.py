"""PNGs of 16 bits a channel, such as 12-bit cameras write -> eight bits that keep what is in the low ones.

Browsers show the high byte. Of a picture that keeps to a small part of the range, that byte has few levels, or one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from model.grounding.stretch import Used, narrow
from model.types import Image

Deep = NDArray[np.uint16]  # (H, W, channels): grey, or red, green and blue

WHITE = 0xFFFF
BITS = 24  # where a PNG's header says how many bits a channel has (PNG specification, section 11.2.1)
# heuristic: levels that the used part is given: enough that rounding is finer than a camera's noise, and few enough
# that model/grounding/stretch.py sees a narrow picture, stretches it the rest of the way, and says so to the annotator
BAND = 112
LEAST = 32  # heuristic: levels of 16 bits; fewer are the noise of a flat picture
AT_ONCE = 1 << 20  # levels that are looked up at a time: NumPy needs eight bytes for each


def eight_bits(data: bytes, picture: Pillow.Image) -> Pillow.Image:
    """The picture in a file, of 16 bits a channel or any other, with 8 bits a channel and its EXIF data.

    Where the high bytes would be narrow, the levels that are used come to the middle of 8 bits. Not so with transparent
    parts: they are shown white, which is far from what is dark.
    """
    if picture.mode.startswith("I"):
        return _of_grey(picture)
    if picture.format != "PNG" or data[BITS] != 16 or _shows_ground(picture):
        return picture
    deep = _coloured(data, picture)  # Pillow reads the high bytes
    return picture if deep is None else _shown(deep, picture)


def _of_grey(picture: Pillow.Image) -> Pillow.Image:
    """Pillow would cut levels off at 255."""
    deep = np.asarray(picture).clip(0, WHITE).astype(np.uint16)[..., None]
    return _shown(deep, picture)


def _shown(deep: Deep, picture: Pillow.Image) -> Pillow.Image:
    found = Pillow.fromarray(_looked_up(_table(narrow(deep, WHITE)), deep))
    found.info = {name: value for name, value in picture.info.items() if name != "transparency"}
    return found


def _table(used: Used | None) -> NDArray[np.uint8]:
    """What each level of 16 bits is shown as."""
    levels = np.arange(WHITE + 1)
    if used is None or used.width < LEAST:
        return (levels >> 8).astype(np.uint8)
    return (((levels - used.low) / used.width).clip(0, 1) * BAND + (255 - BAND) / 2).astype(np.uint8)


def _shows_ground(picture: Pillow.Image) -> bool:
    """Whether something of what lies behind a colour picture is seen."""
    if "A" not in picture.getbands():
        return picture.has_transparency_data
    return picture.getchannel("A").getextrema() != (255, 255)


def _coloured(data: bytes, picture: Pillow.Image) -> Deep | None:
    """The levels of a picture of which Pillow reads the high bytes alone; None where these suffice."""
    if narrow(np.asarray(picture.convert("RGB"))) is None:
        return None
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)  # blue, green, red, perhaps alpha
    if found is None or found.dtype != np.uint16 or found.shape[:2] != (picture.height, picture.width):
        return None  # a file that Pillow alone can read is shown as browsers show it
    return np.asarray(found[..., 2::-1], np.uint16)


def _looked_up(table: NDArray[np.uint8], deep: Deep) -> Image:
    found, rows = np.empty(deep.shape, np.uint8), max(1, AT_ONCE // deep[0].size)
    for at in range(0, len(deep), rows):
        found[at : at + rows] = table[deep[at : at + rows]]
    return found[..., 0] if found.shape[2] == 1 else found

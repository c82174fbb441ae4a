"""Masks as Label Studio's <Bitmask> keeps them: a PNG in a data URI.

Label Studio 1.23 reads the alpha channel, newer editors the red one, other readers (its SDK, OpenCV, Pillow's grey)
brightness. Opaque white on transparent black means the same to all of them.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
from PIL import Image as Picture

from backend.pictures.formats import png
from model.errors import BadQuery
from model.types import Mask

PREFIX = "data:image/png;base64,"
PALETTE = 3  # colour type
BLACK, WHITE = b"\0\0\0", b"\xff\xff\xff"
THRESHOLD = 128
MAX_PIXELS = 100_000_000  # a PNG of a few kilobytes can claim any size


def encode(mask: Mask) -> str:
    """The mask (H, W) as a PNG data URI of one bit a pixel: opaque white on transparent black.

    Written by hand, as Pillow goes by way of one byte a pixel: at 12 megapixels 12 ms in place of 40.
    """
    height, width = mask.shape
    lines = np.pad(np.packbits(mask, axis=1), ((0, 0), (1, 0)))  # each line begins with its filter, 0 for none
    header = struct.pack(">IIBBBBB", width, height, 1, PALETTE, 0, 0, 0)
    pixels = zlib.compress(lines.tobytes())
    chunks = {b"IHDR": header, b"PLTE": BLACK + WHITE, b"tRNS": b"\0", b"IDAT": pixels, b"IEND": b""}
    file = png.SIGNATURE + b"".join(png.chunk(kind, data) for kind, data in chunks.items())
    return PREFIX + base64.b64encode(file).decode("ascii")


def decode(uri: str, size: tuple[int, int] | None = None) -> Mask:
    """The mask (H, W) of a data URI that `encode` or an editor wrote, for a picture of `size` (H, W).

    A picture with transparent pixels is read by its alpha (at least 128), an opaque one by its red channel; opaque and
    without red it is 1.23's mask of the whole picture, black. Raises BadQuery where there is no readable PNG, and
    before a pixel is unpacked for another size than the picture's.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.startswith("data:image/"):
        raise BadQuery("mask: not the data URI of a picture")
    try:
        picture = Picture.open(io.BytesIO(base64.b64decode(body, validate=True)), formats=["PNG"])
        if picture.width * picture.height > MAX_PIXELS:
            raise BadQuery(f"mask: {picture.width} x {picture.height} pixels are too many")
        if size is not None and (picture.height, picture.width) != size:
            raise BadQuery(
                f"mask: {picture.width} x {picture.height} pixels, but the picture has {size[1]} x {size[0]}"
            )
        if _ours(picture):
            return np.asarray(np.asarray(picture) != 0, np.bool_)
        channels = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        red, alpha = (np.asarray(channels.getchannel(name)) >= THRESHOLD for name in "RA")
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise BadQuery("mask: the picture in the data URI is damaged") from error
    if not alpha.all():
        return alpha
    return red if red.any() else alpha


def _ours(picture: Picture.Image) -> bool:
    """Whether a picture has two colours of which the first is transparent: then its indices are the mask."""
    palette = picture.palette
    return picture.info.get("transparency") == 0 and palette is not None and len(palette.palette) == len(BLACK + WHITE)

"""Masks as Label Studio's <Bitmask> keeps them: a PNG in a data URI.

Label Studio 1.23 reads the alpha channel, newer editors the red one; white on transparent serves both.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image as Picture

from model.errors import BadQuery
from model.values import Mask

PREFIX = "data:image/png;base64,"
THRESHOLD = 128
MAX_PIXELS = 100_000_000  # a PNG of a few kilobytes can claim any size


def encode(mask: Mask) -> str:
    """The mask (H, W) as a PNG data URI of one bit a pixel: white where the mask is, transparent elsewhere."""
    picture = Picture.fromarray(np.ascontiguousarray(mask, np.uint8)).convert("P")
    picture.putpalette([255] * 6)
    stream = io.BytesIO()
    picture.save(stream, "PNG", bits=1, transparency=0)
    return PREFIX + base64.b64encode(stream.getvalue()).decode("ascii")


def decode(uri: str) -> Mask:
    """The mask (H, W) of a data URI that `encode` or an editor wrote.

    A picture with transparent pixels is read by its alpha (at least 128), an opaque one by its red channel; opaque and
    without red it is 1.23's mask of the whole picture, black. Raises BadQuery where there is no readable PNG.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.startswith("data:image/"):
        raise BadQuery("mask: not the data URI of a picture")
    try:
        picture = Picture.open(io.BytesIO(base64.b64decode(body, validate=True)), formats=["PNG"])
        if picture.width * picture.height > MAX_PIXELS:
            raise BadQuery(f"mask: {picture.width} x {picture.height} pixels are too many")
        channels = np.asarray(picture.convert("RGBA"))
    except (OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise BadQuery("mask: the picture in the data URI is damaged") from error
    red, alpha = channels[..., 0] >= THRESHOLD, channels[..., 3] >= THRESHOLD
    if not alpha.all():
        return alpha
    return red if red.any() else alpha

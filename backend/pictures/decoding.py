"""The bytes of a picture's file -> its pixels as the browser shows them."""

from __future__ import annotations

import io
import re
import warnings

import numpy as np
from PIL import Image as Picture
from PIL import ImageOps

from model.errors import BadImage
from model.values import Image

MEGA = 1_000_000
# What browsers show. Pillow knows forty more, of which one calls Ghostscript and most are rarely looked after.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
# Ours. A progressive JPEG has ten scans or so; each goes over all pixels again, and costs the sender 23 bytes.
MOST_SCANS = 50
MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")  # of a JPEG; those left out have no length
END, SCAN = b"\xd9", b"\xda"

# One picture can make Pillow warn 65,000 times, each time of something else, and Python remembers every one.
warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(data: bytes, max_pixels: int) -> Image:
    """The picture (H, W, 3) RGB in a file's bytes: upright, 8 bits, on white where it is transparent.

    Raises BadImage for more pixels than `max_pixels`, before any of them is decoded, and for what is no picture.
    """
    try:
        picture = Picture.open(io.BytesIO(data), formats=FORMATS)
    except (Picture.DecompressionBombError, Picture.DecompressionBombWarning) as error:
        raise BadImage(f"image: more than {max_pixels / MEGA:g} megapixels") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise BadImage("image: the file is damaged or no picture") from error
    if picture.width * picture.height > max_pixels:
        raise BadImage(
            f"image: {picture.width} x {picture.height} pixels are more than {max_pixels / MEGA:g} megapixels"
        )
    if picture.format in ("JPEG", "MPO") and scans(data) > MOST_SCANS:
        raise BadImage(f"image: the JPEG goes over its pixels more than {MOST_SCANS} times")
    from model.sixteen_bits import eight_bits  # OpenCV: a tenth of a second, which the start need not wait for

    try:
        shown = eight_bits(data, picture)
        ImageOps.exif_transpose(shown, in_place=True)
        return np.array(_as_rgb(shown))
    except Exception as error:
        raise BadImage("image: the file is damaged") from error


def scans(data: bytes) -> int:
    """How often a JPEG goes over its pixels until its end; what stands behind it, such as a film, is left alone."""
    at, found = 0, 0
    while (marker := MARKER.search(data, at)) is not None and marker[1] != END:
        found += marker[1] == SCAN
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        at = marker.end() + (0 if marker.start() == 0 else length)  # the first one, start of image, has no length
    return found


def _as_rgb(picture: Picture.Image) -> Picture.Image:
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    ground = Picture.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")

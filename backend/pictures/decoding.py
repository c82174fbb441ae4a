"""The bytes of a picture's file -> its pixels as the browser shows them."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from backend.pictures.file_format import repaired, unserved
from model.errors import BadImage
from model.values import Image

MEGA = 1_000_000
# What browsers show. Pillow knows forty more, of which one calls Ghostscript and most are rarely looked after.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
# Ours. A progressive JPEG has ten scans or so; each goes over all pixels again, and costs the sender 23 bytes.
MOST_SCANS = 50
MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")  # of a JPEG; those left out have no length
LONGEST_SIDE = 65_535  # pixels; JPEG and WebP have no longer one, and browsers show none
END, SCAN = b"\xd9", b"\xda"

CONVERT = "a format that is not served: convert it to JPEG or PNG"
NOT_SERVED = {
    "HTML": "image: the address leads to a page in HTML, not to a picture: to a login or error page, or to a viewer",
    "JSON": "image: the address leads to a JSON document, not to a picture",
    "XML": "image: the address leads to an XML document, not to a picture",
}

# One picture can make Pillow warn 65,000 times, each time of something else, and Python remembers every one.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels (H, W, 3) RGB: upright, 8 bits, on white where they are transparent; and what to tell an annotator."""

    pixels: Image
    notes: tuple[str, ...] = ()


class Damaged(Exception):
    """Pillow cannot decode a file."""


def decode(data: bytes, max_pixels: int) -> Picture:
    """The picture in a file's bytes; what browsers overlook is mended and noted.

    Raises BadImage for more pixels than `max_pixels`, before any of them is decoded, and for what is no picture.
    """
    if name := unserved(data):
        raise BadImage(NOT_SERVED.get(name, f"image: the file is {name}, {CONVERT}"))
    try:
        return Picture(_decoded(data, max_pixels))
    except Damaged as error:
        mended = repaired(data)
        if mended is None:
            raise BadImage(str(error)) from error
    try:
        return Picture(_decoded(mended.data, max_pixels), (mended.note,))
    except Damaged as error:
        raise BadImage(str(error)) from error


def _decoded(data: bytes, max_pixels: int) -> Image:
    try:
        picture = Pillow.open(io.BytesIO(data), formats=FORMATS)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise BadImage(f"image: more than {max_pixels / MEGA:g} megapixels") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise Damaged("image: the file is damaged or no picture") from error
    if picture.width * picture.height > max_pixels:
        raise BadImage(
            f"image: {picture.width} x {picture.height} pixels are more than {max_pixels / MEGA:g} megapixels"
        )
    if max(picture.size) > LONGEST_SIDE:
        raise BadImage(f"image: {picture.width} x {picture.height} pixels: no side may be longer than {LONGEST_SIDE}")
    if picture.format in ("JPEG", "MPO") and scans(data) > MOST_SCANS:
        raise BadImage(f"image: the JPEG goes over its pixels more than {MOST_SCANS} times")
    from model.sixteen_bits import eight_bits  # OpenCV: a tenth of a second, which the start need not wait for

    try:
        shown = eight_bits(data, picture)
        ImageOps.exif_transpose(shown, in_place=True)
        return np.array(_as_rgb(shown))
    except Exception as error:
        raise Damaged("image: the file is damaged or cut off: upload it again") from error


def scans(data: bytes) -> int:
    """How often a JPEG goes over its pixels until its end; what stands behind it, such as a film, is left alone."""
    at, found = 0, 0
    while (marker := MARKER.search(data, at)) is not None and marker[1] != END:
        found += marker[1] == SCAN
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        at = marker.end() + (0 if marker.start() == 0 else length)  # the first one, start of image, has no length
    return found


def _as_rgb(picture: Pillow.Image) -> Pillow.Image:
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    ground = Pillow.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")

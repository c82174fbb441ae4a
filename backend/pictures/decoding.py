"""The bytes of a picture's file -> its pixels as the browser shows them."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from backend.pictures.formats.file_format import unserved
from backend.pictures.formats.jpeg import scans
from backend.pictures.formats.orientation import turned
from backend.pictures.formats.repair import repaired
from model.errors import BadImage
from model.types import Image

MEGA = 1_000_000
# What browsers show. Pillow knows forty more, of which one calls Ghostscript and most are rarely looked after.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
# Ours. A progressive JPEG has ten scans or so; each goes over all pixels again, and costs the sender 23 bytes.
MOST_SCANS = 50
# Pixels. JPEG has no longer side, and neither has the canvas on which the editor draws masks: beyond it, Chromium 156
# shows a picture and draws nothing on it.
LONGEST_SIDE = 65_535
STRIP = 1 << 20  # pixels that are converted at a time: Pillow needs up to 16 bytes for each

CONVERT = "a format that is not served: convert it to JPEG or PNG"
NOT_SERVED = {
    "HTML": "image: the address leads to a page in HTML, not to a picture: mostly to a login page (check "
    "ANYWORD_LABEL_STUDIO_API_KEY, or the storage's permissions), else to an error page or a viewer",
    "JSON": "image: the address leads to a JSON document, not to a picture",
    "XML": "image: the address leads to an XML document, not to a picture",
    "nothing": "image: the file is empty: upload it again",
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
        mended = repaired(data, max_pixels)
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
    # OpenCV: a tenth of a second, which the start need not wait for
    from model.grounding.sixteen_bits import eight_bits

    try:
        return turned(_pixels(eight_bits(data, picture)), picture)
    except Exception as error:
        raise Damaged("image: the file is damaged or cut off: upload it again") from error


def _pixels(picture: Pillow.Image) -> Image:
    """The pixels (H, W, 3), converted strip by strip: at once, Pillow and NumPy keep the picture four times."""
    picture.load()
    found, rows = np.empty((picture.height, picture.width, 3), np.uint8), max(1, STRIP // picture.width)
    for top in range(0, picture.height, rows):
        strip = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        found[top : top + rows] = np.asarray(_as_rgb(strip))
    return found


def _as_rgb(picture: Pillow.Image) -> Pillow.Image:
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    ground = Pillow.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")

"""Pictures are turned as Chromium turns them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from backend.pictures.decoding import decode
from tests.backend.pictures.hostile import chunk, png_of
from tests.backend.site import COLOUR, file_of

QUARTERS = np.kron(np.array([[0, 90], [170, 255]], np.uint8), np.ones((16, 24), np.uint8))
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'


def exif(orientation: int) -> Pillow.Exif:
    found = Pillow.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF"])
def test_exif_turns_a_picture(kind: str, orientation: int) -> None:
    data = file_of(Pillow.fromarray(QUARTERS).convert("RGB"), kind, exif=exif(orientation))
    wanted = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).convert("RGB")
    found = decode(data, 10_000).pixels
    assert np.array_equal(found, np.asarray(wanted))
    assert found.flags.c_contiguous


def test_exif_does_not_turn_webp_as_in_browsers() -> None:
    data = file_of(Pillow.fromarray(QUARTERS), "WEBP", lossless=True, exif=exif(6).tobytes())
    assert np.array_equal(decode(data, 10_000).pixels[..., 0], QUARTERS)


def test_xmp_does_not_turn_a_picture_as_in_browsers() -> None:
    assert decode(file_of(Pillow.fromarray(QUARTERS), "JPEG", xmp=XMP), 10_000).pixels.shape == (32, 48, 3)


@pytest.mark.parametrize("damaged", [b"garbage", b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 60, exif(9).tobytes()[6:]])
def test_exif_that_cannot_be_read_turns_nothing(damaged: bytes) -> None:
    found = decode(png_of(7, 5, chunk(b"eXIf", damaged)), 10_000)
    assert found.pixels.shape == (5, 7, 3)
    assert tuple(found.pixels[0, 0]) == COLOUR

"""Masks as PNG data URIs: what Label Studio's editors read in them, and what those write."""

from __future__ import annotations

import base64
import io
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image as Picture

from backend.labelstudio import bitmask
from model.errors import BadQuery
from model.types import Mask
from tests.backend.pictures.hostile import chunk
from tests.model.memory import growth, measured

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


def uri(picture: Picture.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return bitmask.PREFIX + base64.b64encode(stream.getvalue()).decode()


def picture(data: str) -> Picture.Image:
    return Picture.open(io.BytesIO(base64.b64decode(data.removeprefix(bitmask.PREFIX))))


@given(masks)
def test_decoding_gives_the_mask_back(mask: Mask) -> None:
    if mask.any():
        assert np.array_equal(bitmask.decode(bitmask.encode(mask)), mask)


def test_every_reader_sees_the_same_mask_in_one_bit_a_pixel() -> None:
    """By alpha (Label Studio 1.23), by the red channel (newer editors), by brightness (its SDK, OpenCV, Pillow)."""
    mask = np.zeros((5, 9), np.bool_)
    mask[1:3, 2:7] = True
    written = picture(bitmask.encode(mask))
    bit_depth, colour_type = base64.b64decode(bitmask.encode(mask).removeprefix(bitmask.PREFIX))[24:26]
    pixels = np.asarray(written.convert("RGBA"))
    assert (bit_depth, colour_type, written.size) == (1, 3, (9, 5))
    assert np.array_equal(pixels[..., 3], np.where(mask, 255, 0))
    assert np.array_equal(pixels[..., 0], pixels[..., 3])
    assert np.array_equal(np.asarray(written.convert("L")), pixels[..., 3])
    file = np.frombuffer(base64.b64decode(bitmask.encode(mask).removeprefix(bitmask.PREFIX)), np.uint8)
    assert np.array_equal(np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)), pixels[..., 3])


def test_the_masks_of_earlier_versions_are_read() -> None:
    """White on transparent white, which only the alpha channel tells apart."""
    mask = np.zeros((5, 9), np.bool_)
    mask[1:3, 2:7] = True
    file = base64.b64decode(bitmask.encode(mask).removeprefix(bitmask.PREFIX))
    old = chunk(b"PLTE", bitmask.WHITE * 2)
    file = file.replace(chunk(b"PLTE", bitmask.BLACK + bitmask.WHITE), old)
    assert old in file
    assert np.array_equal(bitmask.decode(bitmask.PREFIX + base64.b64encode(file).decode()), mask)
    pixels = np.full((4, 6, 4), 255, np.uint8)
    pixels[:2, :, 3] = 0
    assert np.array_equal(bitmask.decode(uri(Picture.fromarray(pixels))), pixels[..., 3] == 255)


def test_a_mask_that_the_editor_wrote_in_black_is_read_by_its_alpha() -> None:
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[1:3, 2:5, 3] = 255
    pixels[0, 0, 3] = 100  # a rim pixel
    assert np.array_equal(bitmask.decode(uri(Picture.fromarray(pixels))), pixels[..., 3] == 255)


def test_an_opaque_mask_is_read_by_its_red_channel() -> None:
    pixels = np.zeros((4, 6), np.uint8)
    pixels[2:] = 255
    assert np.array_equal(bitmask.decode(uri(Picture.fromarray(pixels))), pixels == 255)


def test_an_opaque_black_mask_covers_the_whole_picture() -> None:
    assert bitmask.decode(uri(Picture.new("RGBA", (3, 2), (0, 0, 0, 255)))).all()


@pytest.mark.parametrize("data", ["", "hello", "data:text/plain,hi", bitmask.PREFIX + "AAAA", bitmask.PREFIX + "é"])
def test_what_is_no_picture_is_refused(data: str) -> None:
    with pytest.raises(BadQuery, match="mask:"):
        bitmask.decode(data)


@measured
def test_a_mask_of_another_size_than_the_pictures_is_refused_before_it_is_unpacked() -> None:
    claim = uri(Picture.new("1", (8_000, 6_000)))

    def refused() -> None:
        with pytest.raises(BadQuery, match="mask: 8000 x 6000 pixels, but the picture has 40 x 30"):
            bitmask.decode(claim, (30, 40))

    assert growth(refused) < 10_000_000


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded() -> None:
    small = base64.b64decode(uri(Picture.new("L", (1, 1))).removeprefix(bitmask.PREFIX))
    ihdr = b"IHDR" + (20_000).to_bytes(4, "big") * 2 + small[24:29]
    crc = zlib.crc32(ihdr).to_bytes(4, "big")
    with pytest.raises(BadQuery, match="mask:"):
        bitmask.decode(bitmask.PREFIX + base64.b64encode(small[:12] + ihdr + crc + small[33:]).decode())

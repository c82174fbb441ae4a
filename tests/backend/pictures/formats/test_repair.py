"""Damage that browsers overlook."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from backend.pictures.decoding import decode
from backend.pictures.formats.repair import LEFT_OUT
from model.errors import BadImage
from tests.backend.pictures.hostile import chunk, png_of
from tests.backend.site import COLOUR, PNG, file_of
from tests.model.memory import growth, measured

MOST = 1_000_000
NOISE = Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
FLAT = Pillow.new("RGB", (64, 64), COLOUR)
WHOLE = {kind: file_of(NOISE, kind) for kind in ("JPEG", "PNG", "BMP")}
PROGRESSIVE = file_of(NOISE, "JPEG", progressive=True)


def with_checksum(data: bytes, kind: bytes, checksum: bytes) -> bytes:
    """A PNG with another checksum behind one of its chunks."""
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + checksum + data[end + 4 :]


@pytest.mark.parametrize("cut", [1, 2, 20])
@pytest.mark.parametrize("picture", [NOISE, FLAT], ids=["noise", "flat"])
def test_a_jpeg_without_its_end_is_read_and_noted(picture: Pillow.Image, cut: int) -> None:
    data = file_of(picture, "JPEG")
    whole, found = decode(data, MOST), decode(data[:-cut], MOST)
    assert not whole.notes
    assert "ends too early" in found.notes[0]
    assert np.array_equal(found.pixels[:8], whole.pixels[:8])


@pytest.mark.parametrize(("kind", "seen"), [("JPEG", slice(8)), ("PNG", slice(28)), ("BMP", slice(36, 64))])
def test_of_a_file_that_lost_half_the_rest_is_shown_as_in_browsers(kind: str, seen: slice) -> None:
    whole, found = decode(WHOLE[kind], MOST), decode(WHOLE[kind][: len(WHOLE[kind]) // 2], MOST)
    assert np.array_equal(found.pixels[seen], whole.pixels[seen])
    assert "part of it may be missing" in found.notes[0]


def test_a_progressive_jpeg_that_lost_half_is_shown_blurred() -> None:
    whole, found = decode(PROGRESSIVE, MOST), decode(PROGRESSIVE[: len(PROGRESSIVE) // 2], MOST)
    assert found.pixels.shape == whole.pixels.shape
    assert "part of it may be missing" in found.notes[0]


def test_a_png_tells_how_much_is_missing() -> None:
    assert decode(WHOLE["PNG"][: len(WHOLE["PNG"]) // 4], MOST).notes[0].endswith("(about 75 %)")


@pytest.mark.parametrize("cut", [4, 12, 16])
def test_a_png_that_lost_less_than_pixels_is_whole(cut: int) -> None:
    found = decode(WHOLE["PNG"][:-cut], MOST)
    assert np.array_equal(found.pixels, np.asarray(NOISE))


@pytest.mark.parametrize("kind", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_a_cut_png_of_every_kind_of_pixels_is_read(kind: str) -> None:
    deep = np.asarray(NOISE)[..., 0].astype(np.uint16) * 257
    picture = Pillow.fromarray(deep) if kind == "I;16" else NOISE.convert(kind)
    data = file_of(picture)
    whole, found = decode(data, MOST), decode(data[: len(data) * 3 // 4], MOST)
    assert np.array_equal(found.pixels[:16], whole.pixels[:16])
    assert found.notes


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_file_with_next_to_nothing_of_its_picture_is_refused(kind: str) -> None:
    large = Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (256, 512, 3), np.uint8))
    data = file_of(large, kind)
    with pytest.raises(BadImage, match="damaged"):
        decode(data[:640], MOST)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("before", [True, False], ids=["before the pixels", "behind them"])
def test_a_png_with_long_texts_is_read_and_noted(kind: bytes, before: bool) -> None:
    words = b"word " * 500_000
    head = {b"tEXt": b"k\0", b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}[kind]
    long = chunk(kind, head + (words if kind == b"tEXt" else zlib.compress(words)))
    at = 33 if before else len(PNG) - 12
    found = decode(PNG[:at] + long + PNG[at:], MOST)
    assert np.array_equal(found.pixels, decode(PNG, MOST).pixels)
    assert kind == b"tEXt" or found.notes == (LEFT_OUT,)


@pytest.mark.parametrize(
    "data",
    [
        png_of(7, 5, chunk(b"gAMA", b"\0")),
        png_of(7, 5, chunk(b"pHYs", b"\0")),
        with_checksum(png_of(7, 5, chunk(b"tEXt", b"a\0b")), b"tEXt", b"oops"),
    ],
)
def test_metadata_that_cannot_be_read_is_left_out(data: bytes) -> None:
    found = decode(data, MOST)
    assert tuple(found.pixels[0, 0]) == COLOUR
    assert found.notes == (LEFT_OUT,)


def test_a_png_is_turned_by_its_exif_though_its_texts_are_left_out() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    texts = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000)))
    data = file_of(NOISE.crop((0, 0, 20, 10)), exif=exif)
    assert decode(data[:33] + texts + data[33:], MOST).pixels.shape == (20, 10, 3)


@measured
def test_mending_a_png_does_not_unpack_more_than_its_pixels() -> None:
    rows = zlib.compress(bytes(100_000_000), 9)
    data = png_of(64, 64, chunk(b"gAMA", b"\0"))
    data = data[: data.index(b"IDAT") - 4] + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert growth(lambda: decode(data, MOST)) < 10_000_000

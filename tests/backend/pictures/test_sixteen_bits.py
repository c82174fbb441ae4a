"""PNGs of 16 bits a channel: their low bits are kept where the high byte has few levels."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from backend.pictures.decoding import decode
from model.embedded import scenes
from model.grounding.stretch import stretch_of
from model.types import Image
from tests.backend.site import file_of

DRAWN = scenes.draw(2_950_000, 96).image
DEEP = DRAWN.astype(np.uint16)
GREY = DEEP.mean(2).astype(np.uint16)
HIGH, ORIENTATION, SIDEWAYS = 257, 0x0112, 6
MOST = 10_000_000  # pixels
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(levels: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits: grey (H, W), or red, green, blue and perhaps alpha (H, W, channels)."""
    order = [2, 1, 0, 3][: levels.shape[2]] if levels.ndim == 3 else slice(None)
    _, data = cv2.imencode(".png", np.ascontiguousarray(levels[..., order] if levels.ndim == 3 else levels))
    return data.tobytes()


def alike(found: Image, drawn: NDArray[np.integer]) -> float:
    """The correlation of two pictures."""
    return float(np.corrcoef(found.ravel(), np.broadcast_to(drawn, found.shape).ravel())[0, 1])


def with_alpha(levels: NDArray[np.uint16], alpha: int) -> NDArray[np.uint16]:
    return np.dstack([levels, np.full(levels.shape[:2], alpha, np.uint16)])


NARROW = {
    "12 bits": DEEP * 16,
    "8 bits": DEEP,
    "dark": DEEP * 2,
    "an offset": DEEP * 4 + 32768,
    "grey": GREY * 4,
    "grey with an offset": GREY * 4 + 40000,
    "opaque": with_alpha(DEEP * 4, 0xFFFF),
}


@pytest.mark.parametrize("levels", NARROW.values(), ids=NARROW)
def test_low_bits_of_a_narrow_picture_are_kept_and_the_models_stretch_the_rest(levels: NDArray[np.uint16]) -> None:
    found = decode(png(levels), MOST).pixels
    assert found.dtype == np.uint8
    assert alike(found, GREY[..., None] if levels.ndim == 2 else DRAWN) > 0.98
    assert len(np.unique(found)) > 50
    assert stretch_of(found) is not None


@pytest.mark.parametrize(
    "levels",
    [DEEP * HIGH, GREY * HIGH + 32000 * (np.arange(96) % 2).astype(np.uint16), with_alpha(DEEP * HIGH, 0xFFFF)],
    ids=["colour", "grey", "opaque"],
)
def test_of_a_full_range_the_high_byte_is_shown(levels: NDArray[np.uint16]) -> None:
    colours = levels[..., :3] if levels.ndim == 3 else np.repeat(levels[..., None], 3, axis=2)
    assert np.array_equal(decode(png(levels), MOST).pixels, colours >> 8)


@pytest.mark.parametrize("level", [0, 300, 0xFFFF])
def test_a_flat_picture_is_shown_by_its_high_byte(level: int) -> None:
    flat = np.full((40, 50), level, np.uint16)
    assert np.array_equal(decode(png(flat), MOST).pixels, np.full((40, 50, 3), level >> 8))
    noise = np.random.default_rng(0).integers(3000, 3010, (40, 50)).astype(np.uint16)
    assert (decode(png(noise), MOST).pixels == 3000 >> 8).all()


def test_transparent_parts_stay_white() -> None:
    levels = with_alpha(DEEP * 4, 0xFFFF)
    levels[:30, :, 3] = 0
    found = decode(png(levels), MOST).pixels
    assert (found[:30] == 255).all()
    assert (found[30:] <= (DEEP[30:] * 4 >> 8) + 1).all()


def test_the_picture_is_turned_as_its_exif_data_say() -> None:
    exif = Pillow.Exif()
    exif[ORIENTATION] = SIDEWAYS
    found = decode(file_of(Pillow.fromarray(GREY[:50] * 4), exif=exif), MOST).pixels
    assert found.shape == (96, 50, 3)
    assert alike(np.rot90(found), GREY[:50, :, None]) > 0.98

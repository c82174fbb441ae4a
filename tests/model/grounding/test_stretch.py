"""Which pictures are stretched for the models, and what becomes of their pixels."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from model.embedded import scenes
from model.grounding.stretch import MOST_GAIN, Stretch, narrow, stretch_of, stretched
from model.types import Image

DRAWN = scenes.draw(2_950_000, 192).image
GREY = np.repeat(DRAWN.mean(2, keepdims=True), 3, axis=2)


def rounded(levels: NDArray[np.floating]) -> Image:
    return np.asarray(levels.round().clip(0, 255), np.uint8)


def levels_between(image: Image) -> float:
    """How many levels lie between the tails of a picture."""
    return float(np.ptp(np.percentile(image, (1, 99))))


def framed(image: Image, level: int, width: int = 16) -> Image:
    return np.pad(image, ((width, width), (width, width), (0, 0)), constant_values=level)


def with_logo(image: Image) -> Image:
    """A white square of 1.5 % in a corner, and one hot pixel in a thousand."""
    marked = image.copy()
    marked[np.random.default_rng(0).random(marked.shape[:2]) < 0.001] = 255
    marked[-24:, -24:] = 255
    return marked


def noise(level: int, deviation: float) -> Image:
    return rounded(np.random.default_rng(0).normal(level, deviation, (90, 120, 3)))


NARROW = {
    "half": DRAWN / 2.2,
    "tenth": DRAWN / 10,
    "contrast": 128 + (DRAWN - 128.0) / 20,
    "fog": 200 + 0.15 * DRAWN,
    "overexposed": 230 + DRAWN / 10,
    "grey": GREY / 4,
    "large": np.kron(rounded(DRAWN / 10), np.ones((9, 9, 1))),
}


@pytest.mark.parametrize("levels", NARROW.values(), ids=NARROW)
def test_a_picture_that_uses_a_small_part_of_its_range_gets_all_of_it(levels: NDArray[np.floating]) -> None:
    image = rounded(levels)
    assert levels_between(image) < 110
    assert levels_between(stretched(image)) > 180


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("name", ["tenth", "fog"])
def test_a_black_or_white_margin_does_not_count(name: str, level: int) -> None:
    found = stretched(framed(rounded(NARROW[name]), level))
    assert levels_between(found[16:-16, 16:-16]) > 200
    assert (found[:16] == level).all()


def test_a_margin_that_jpeg_blurred_does_not_count() -> None:
    _, data = cv2.imencode(".jpg", framed(rounded(NARROW["tenth"]), 255), [cv2.IMWRITE_JPEG_QUALITY, 90])
    found = stretched(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))
    assert levels_between(found[24:-24, 24:-24]) > 200


def test_a_logo_and_hot_pixels_do_not_count() -> None:
    found = stretched(with_logo(rounded(NARROW["tenth"])))
    assert levels_between(found[:-24]) > 200


UNCHANGED = {
    "a drawn scene": DRAWN,
    "one dark channel": DRAWN * (0.1, 1, 1),
    "a dark object on white": framed(rounded(DRAWN / 10), 255, 60),
    "a dark picture with a bright tenth": np.concatenate([DRAWN[:170] / 10, DRAWN[170:] + 60.0]),
    "black and white": np.where(DRAWN > 120, 255, 0),
    "half black, half white": np.repeat([[[0] * 3], [[255] * 3]], 60, axis=1),
    "black": np.zeros((50, 60, 3)),
    "white": np.full((50, 60, 3), 255),
    "a flat picture": np.full((50, 60, 3), 7),
    "a flat picture and its rounding": noise(100, 0.3),
    "one pixel": np.full((1, 1, 3), 9),
}


@pytest.mark.parametrize("levels", UNCHANGED.values(), ids=UNCHANGED)
def test_any_other_picture_stays_as_it_is(levels: NDArray[np.floating]) -> None:
    image = rounded(np.asarray(levels, np.float64))
    assert stretched(image) is image


def test_the_noise_of_a_flat_picture_does_not_fill_the_range() -> None:
    stretch = stretch_of(noise(60, 1.5))
    assert stretch is not None
    assert stretch.gain == MOST_GAIN
    assert abs(int(stretch(np.full((1, 1, 3), 60, np.uint8))[0, 0, 0]) - 127) <= MOST_GAIN


def test_all_channels_are_stretched_alike() -> None:
    stretch = Stretch(10, 5)
    assert stretch(np.array([[(12, 30, 50), (0, 10, 255)]], np.uint8)).tolist() == [[[10, 100, 200], [0, 0, 255]]]


@pytest.mark.parametrize("size", [(1, 700), (700, 1), (2, 3000), (5, 5)])
def test_any_shape_is_stretched(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(20, 60, (*size, 3), dtype=np.uint8)
    assert stretched(image).shape == image.shape
    assert np.ptp(stretched(image)) > 200


def test_a_part_of_a_picture_is_stretched_as_the_whole_is() -> None:
    image = rounded(NARROW["fog"])
    stretch = stretch_of(image)
    assert stretch is not None
    assert np.array_equal(stretch(image[10:40, 20:90]), stretch(image)[10:40, 20:90])


def test_sixteen_bits_have_a_range_of_their_own() -> None:
    deep = DRAWN.astype(np.uint16)
    assert narrow(deep * np.uint16(257), 65535) is None
    used = narrow(deep * np.uint16(4), 65535)
    assert used is not None
    assert used.width == pytest.approx(4 * np.ptp(np.percentile(DRAWN, (0.5, 99.5))), rel=0.1)

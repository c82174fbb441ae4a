"""Contrast for dark, foggy and flat pictures: what the models see of a picture that uses a small part of its range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from model.types import Image

STRETCHED = "the picture is dark or low in contrast: its contrast was stretched for the models"
WHITE = 255
# heuristic: pixels left out at either end, in percent, and the levels between the rest below which a picture is narrow.
# 50 photographs of BSDS500 use 126 and more, drawn scenes 120 and more and 60 to 125 at half their brightness. Hot
# pixels are in the first tail. A logo or a lamp is in the second, where photographs and scenes use 65 and more
CUTS = ((0.5, 120), (2.0, 48))
# heuristic: a twentieth of the contrast needs 23. Beyond that one level, which is the rounding and the noise of a flat
# picture, would become a tenth of the range, and models find objects in it
MOST_GAIN = 24.0
LEAST = 3  # heuristic: levels; fewer are a flat picture and its rounding
SAMPLE = 512  # heuristic: rows and columns that are looked at, evenly spread: enough for percentiles at any size
NEAR = 3  # heuristic: levels from black or white within which the pixels of a margin lie
JPEG_BLOCK = 16  # pixels, with halved chroma: as far as a JPEG blurs the inner edge of a margin
LEAST_CONTENT = 0.5  # heuristic: share of the picture inside its margins; less is an object on plain ground


class Used(NamedTuple):
    """The levels that most of a picture lies between, in the picture's own units."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """How many levels apart they are."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Stretch:
    """Maps levels to (level - low) * gain, within 0..255: all channels alike, so that colours keep their hue."""

    low: float
    gain: float

    def __call__(self, image: Image) -> Image:
        """The image (H, W, 3) with its contrast stretched."""
        levels = (np.arange(WHITE + 1) - self.low) * self.gain
        return np.asarray(cv2.LUT(image, levels.round().clip(0, WHITE).astype(np.uint8)), np.uint8)


def stretch_of(image: Image) -> Stretch | None:
    """How the models see an image (H, W, 3); None where it uses enough of its range, and where it is flat."""
    used = narrow(image)
    if used is None or used.width < LEAST:
        return None
    gain = min(WHITE / used.width, MOST_GAIN)
    return Stretch((used.low + used.high) / 2 - WHITE / 2 / gain, gain)


def stretched(image: Image) -> Image:
    """An image (H, W, 3) as the models see it."""
    stretch = stretch_of(image)
    return stretch(image) if stretch else image


def narrow(image: NDArray[Any], white: int = WHITE) -> Used | None:
    """The levels that an image (H, W, channels) keeps to, where these are a small part of its range; else None.

    `white` is the highest level of its type. Single pixels and plain margins are left out.
    """
    content = _without_margins(_sampled(image), white)
    for tail, enough in CUTS:
        used = Used(*(float(level) for level in np.percentile(content.pixels, (tail, 100 - tail))))
        if used.width < enough * white / WHITE:
            return used
    return None


class _Sample(NamedTuple):
    """Every n-th pixel (h, w, channels); `edge`: rows and columns that a JPEG blurs beside a margin."""

    pixels: NDArray[Any]
    edge: tuple[int, int]


def _sampled(image: NDArray[Any]) -> _Sample:
    rows, columns = (max(1, side // SAMPLE) for side in image.shape[:2])
    pixels = np.ascontiguousarray(image[::rows, ::columns])
    return _Sample(cv2.medianBlur(pixels, 3).reshape(pixels.shape), (-(-JPEG_BLOCK // rows), -(-JPEG_BLOCK // columns)))


def _without_margins(sample: _Sample, white: int) -> _Sample:
    """A sample without black or white margins; itself where too little would be left."""
    pixels, edge = sample
    near = NEAR * white // WHITE
    black, light = np.all(pixels <= near, axis=2), np.all(pixels >= white - near, axis=2)
    rows = _inside(np.all(black, axis=1) | np.all(light, axis=1), edge[0])
    columns = _inside(np.all(black[rows], axis=0) | np.all(light[rows], axis=0), edge[1])
    content = pixels[rows, columns]
    return _Sample(content, edge) if content.size >= LEAST_CONTENT * pixels.size else sample


def _inside(plain: NDArray[np.bool_], edge: int) -> slice:
    """Between the plain lines at both ends, and so many lines more where there are any."""
    if not plain.any() or plain.all():
        return slice(None)
    before, after = (int(np.argmin(each)) for each in (plain, plain[::-1]))
    return slice(before and before + edge, max(0, len(plain) - (after and after + edge)))

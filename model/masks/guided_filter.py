"""Borders of a mask drawn to the picture's own edges: the guided filter, at bounded resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from model.grounding.stretch import Stretch
from model.types import Image, Mask

WORK = 256  # longest side, in pixels, of the frame in which the filter looks; ours
DRAWN = 1024  # longest side, in pixels, of the frame in which borders are drawn; ours
EPSILON = 1e-4  # variance of a colour (0..1) below which a window counts as flat (guided filter; value ours)

Numbers = NDArray[Any]  # float32 (h, w) or (h, w, channels); OpenCV does not say what its answers are made of


def snapped(image: Image, mask: Mask, radius: float, stretch: Stretch | None = None) -> Mask:
    """The mask (H, W) with its border moved to edges of the picture (H, W, 3) within about `radius` image pixels.

    In each window of that radius the mask is explained as a linear function of colour, and the mean of all windows'
    functions at a pixel says whether it is inside: the guided filter used for feathering (He, Sun and Tang, "Guided
    Image Filtering", TPAMI 2013, section 5), its coefficients computed small and applied large (fast guided filter,
    arXiv 1505.00996). Using it on SAM's masks is ours. Only the surroundings of the mask are looked at, and stretched.
    """
    if radius < 1 or not mask.any() or mask.all():
        return mask
    window = surroundings(mask, int(2 * radius) + 2)
    inside = mask[window]
    height, width = inside.shape
    drawn = _resized(stretch(image[window]) if stretch else image[window], fitted(inside.shape, DRAWN))
    frame = fitted(inside.shape, WORK)  # one size for both: scaled in two steps, the picture may round to another one
    guide, small = _resized(drawn, frame), _resized(inside.astype(np.uint8) * np.uint8(255), frame)
    functions = coefficients(guide, small, max(1, round(radius * max(small.shape) / max(height, width))))
    found = mask.copy()
    found[window] = cv2.resize(_applied(functions, drawn), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    return found


def surroundings(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the box around a mask that is not empty, `margin` pixels wider on each side."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    rows = slice(max(0, top - margin), min(mask.shape[0], top + height + margin))
    return rows, slice(max(0, left - margin), min(mask.shape[1], left + width + margin))


def coefficients(guide: Image, wanted: NDArray[np.uint8], radius: int) -> list[Numbers]:
    """What the windows make of colour: four maps (h, w), weights of red, green and blue (0..1) and an offset.

    Weighted sums of a pixel's colours with them approximate `wanted` (h, w; 255 counts as 1) there: the guided
    filter's coefficients for colour guides, each averaged over the windows that a pixel lies in.
    """

    def mean(values: Numbers) -> Numbers:
        return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT))

    colours, level = cv2.split(guide.astype(np.float32) / 255), wanted.astype(np.float32) / 255
    means, inside = [mean(colour) for colour in colours], mean(level)
    along = [mean(colour * level) - each * inside for colour, each in zip(colours, means, strict=True)]
    (red, green, blue), (mean_red, mean_green, mean_blue) = colours, means
    rr = mean(red * red) - mean_red * mean_red + EPSILON
    gg = mean(green * green) - mean_green * mean_green + EPSILON
    bb = mean(blue * blue) - mean_blue * mean_blue + EPSILON
    rg, rb, gb = (
        mean(red * green) - mean_red * mean_green,
        mean(red * blue) - mean_red * mean_blue,
        mean(green * blue) - mean_green * mean_blue,
    )
    weights = _solved((rr, rg, rb, gg, gb, bb), along)
    offset = inside - weights[0] * mean_red - weights[1] * mean_green - weights[2] * mean_blue
    return [mean(each) for each in (*weights, offset)]


def _solved(matrix: tuple[Numbers, ...], right: Sequence[Numbers]) -> tuple[Numbers, ...]:
    """The solutions of symmetric 3 x 3 equations, one in each cell, by Cramer's rule."""
    rr, rg, rb, gg, gb, bb = matrix
    x, y, z = right
    first, second, third = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    whole = rr * first + rg * second + rb * third
    return (
        (first * x + second * y + third * z) / whole,
        (second * x + (rr * bb - rb * rb) * y + (rb * rg - rr * gb) * z) / whole,
        (third * x + (rb * rg - rr * gb) * y + (rr * gg - rg * rg) * z) / whole,
    )


def _applied(functions: Sequence[Numbers], picture: Image) -> Numbers:
    """What the four maps (h, w) say of a larger picture (H, W, 3): (H, W)."""
    size = picture.shape[1], picture.shape[0]
    planes: list[Numbers] = [cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in functions]
    *weights, total = planes
    for weight, colour in zip(weights, cv2.split(picture), strict=True):
        total += weight * (colour * np.float32(1 / 255))
    return np.asarray(total)


def fitted(size: tuple[int, ...], longest: int) -> tuple[int, int]:
    """The (H, W) of a picture made so small that neither side is longer than `longest` pixels, and none is 0."""
    scale = min(1.0, longest / max(size[:2]))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) or mask (H, W) made smaller, each pixel the mean of those that it stands for."""
    if picture.shape[:2] == size:
        return picture
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)

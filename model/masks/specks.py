"""Masks without specks and pinholes: every byte of an accepted mask travels again with every later click."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from model.masks.guided_filter import surroundings
from model.masks.hint_prompts import pixel_of
from model.types import Mask, Point

SHARE = 0.25  # parts and holes this large, in areas of the mask, stay however small the mask is; ours


def tidy(mask: Mask, marks: Sequence[Point], specks: float) -> Mask:
    """The mask (H, W) without parts and without holes that cover less than the share `specks` of the picture (ours).

    A part that holds a positive mark stays, and so does a hole that holds a negative one; so do a quarter of the
    mask and more, and the largest part in any case. Parts touch along sides, and holes along sides or corners.
    """
    least = min(specks * mask.size, SHARE * np.count_nonzero(mask))
    if least < 1:
        return mask
    window = surroundings(mask, 1)
    on, off = (_pixels(marks, sign, mask.shape, window) for sign in (True, False))
    found = mask.copy()
    found[window] = ~_without_small(~_without_small(mask[window], least, on, 4), least, off, 8)
    return found


def _pixels(
    marks: Sequence[Point], positive: bool, size: tuple[int, ...], window: tuple[slice, slice]
) -> list[tuple[int, int]]:
    """The marks of one sign that lie in a window, as rows and columns of it."""
    height, width = (sides.stop - sides.start for sides in window)
    pixels = [pixel_of(mark, size) for mark in marks if mark.positive == positive]
    moved = [(row - window[0].start, column - window[1].start) for row, column in pixels]
    return [(row, column) for row, column in moved if 0 <= row < height and 0 <= column < width]


def _without_small(mask: Mask, least: float, held: Sequence[tuple[int, int]], connectivity: int) -> Mask:
    """The parts of a mask (h, w) that are large enough, the largest, and those that hold one of the pixels."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    if count < 3:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    stays = areas >= least
    stays[1 + int(areas[1:].argmax())] = True
    for pixel in held:
        stays[parts[pixel]] = True
    stays[0] = False
    return np.asarray(stays[parts])

"""What a project's annotators always do to masks, done to the masks that a text finds. Ours."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from model.config import FinishConfig
from model.masks.guided_filter import surroundings
from model.types import Mask


def finished(mask: Mask, config: FinishConfig) -> Mask:
    """The mask (H, W) with its holes filled, its border moved and smoothed, as the constants say.

    Lengths are shares of the square root of the mask's area, so they mean the same at every size. Of a mask that
    moving or smoothing would take away whole, the step is left out.
    """
    if config == FinishConfig() or not mask.any():
        return mask
    side = float(np.sqrt(np.count_nonzero(mask)))
    margin, radius = config.margin * side, config.smoothing * side
    window = surroundings(mask, int(max(margin, 0) + 2 * radius) + 2)
    part = np.asarray(ndimage.binary_fill_holes(mask[window]), np.bool_) if config.fill_holes else mask[window]
    part = _unless_gone(part, grown(part, margin))
    found = np.zeros_like(mask)
    found[window] = _unless_gone(part, smoothed(part, radius))
    return found


def grown(mask: Mask, distance: float) -> Mask:
    """The mask (h, w) with its border moved outwards by a distance in pixels, inwards where it is below 0.

    A border along the picture's own edge stays: nobody knows what lies beyond.
    """
    if distance >= 0:
        return mask if distance == 0 else ~_deeper(~mask, distance)
    return _deeper(mask, -distance)


def smoothed(mask: Mask, radius: float) -> Mask:
    """An opening and then a closing of a mask (h, w) with a disc of `radius` pixels."""
    if radius == 0:
        return mask
    opened = grown(grown(mask, -radius), radius)
    return grown(grown(opened, radius), -radius)


def _deeper(mask: Mask, distance: float) -> Mask:
    """The pixels of a mask (h, w) that lie more than a distance away from every pixel off it."""
    if mask.all():
        return mask
    away = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away > distance)


def _unless_gone(before: Mask, after: Mask) -> Mask:
    return after if after.any() else before

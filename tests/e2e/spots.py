"""Where an annotator clicks on a thing of a scene: spots as fractions (X, Y) of the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from model.embedded.scenes import Scene, Thing
from model.types import Mask
from tests.e2e.editor import Spot

MARGIN = 0.04  # of the picture's shorter side, between a click beside a thing and everything that is drawn


def middle(thing: Thing) -> Spot:
    """As far from the rim as possible."""
    depth = _depth(thing.mask)
    return _spot(int(depth.argmax()), depth.shape)


def elsewhere(thing: Thing, depth: float) -> Spot:
    """On the thing, far from its middle, with this share of the middle's depth around it."""
    depths = _depth(thing.mask)
    centre = np.unravel_index(int(depths.argmax()), depths.shape)
    rows, columns = np.indices(depths.shape)
    away = np.hypot(rows - centre[0], columns - centre[1])
    return _spot(int(np.where(depths >= depth * depths.max(), away, -1).argmax()), depths.shape)


def beside(thing: Thing, scene: Scene) -> Spot:
    """On the ground near the thing."""
    size = thing.mask.shape
    inside = np.zeros(size, np.bool_)
    margin = int(MARGIN * min(size))
    inside[margin:-margin, margin:-margin] = True
    free = inside & (_depth(scene.ground_mask) >= margin)
    return _spot(int(np.where(free, _depth(~thing.mask), np.inf).argmin()), size)


def around(thing: Thing) -> tuple[Spot, Spot]:
    """Two corners of the box around the thing."""
    rows, columns = np.flatnonzero(thing.mask.any(axis=1)), np.flatnonzero(thing.mask.any(axis=0))
    height, width = thing.mask.shape
    return (columns[0] / width, rows[0] / height), ((columns[-1] + 1) / width, (rows[-1] + 1) / height)


def _depth(mask: Mask) -> NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5))


def _spot(index: int, size: tuple[int, ...]) -> Spot:
    row, column = divmod(index, size[1])
    return (column + 0.5) / size[1], (row + 0.5) / size[0]

"""A simulated annotator: first clicks, rough boxes, coarse masks and corrective clicks, as SAM is trained with.

Points are (X, Y) pixel indices in the frame of the masks that they are drawn for; boxes are XYXY in the same frame.
Source: Segment Anything (arXiv 2304.02643), appendix A, "Training algorithm"; clicks near the middle of an object
and coarse masks are ours, because that is what attention maps and people give.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from model.types import Mask

Rng = np.random.Generator
Numbers = NDArray[np.float32]


def depth(mask: Mask) -> Numbers:
    """Distance of each pixel (H, W) to the nearest one that is off the mask; the picture's border counts as off."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)


def innermost(mask: Mask) -> Numbers:
    """The pixel (2,) that lies deepest in the mask: what a person would take for its centre."""
    y, x = np.unravel_index(int(depth(mask).argmax()), mask.shape)
    return np.array([x, y], np.float32)


def click(rng: Rng, mask: Mask) -> Numbers:
    """A pixel (2,) of the mask: mostly well inside it, sometimes anywhere, sometimes the innermost one."""
    inside = depth(mask)
    least = rng.choice([0.0, 0.5, 0.8, 1.0], p=[0.2, 0.3, 0.25, 0.25]) * inside.max()
    candidates = np.flatnonzero((inside >= least) & mask)
    y, x = np.unravel_index(int(rng.choice(candidates)), mask.shape)
    return np.array([x, y], np.float32)


def box(rng: Rng, mask: Mask, noise: float = 0.1) -> Numbers:
    """The mask's box (4,), each side moved by a normal of `noise` times the box's side, at most 20 pixels in 256."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    side = np.array([width, height, width, height])
    limit = 20 * mask.shape[0] / 256
    moved = np.clip(rng.normal(0, noise * rng.random(), 4) * side, -limit, limit)
    tight = np.array([left, top, left + width, top + height])
    return np.asarray(np.clip(tight + moved, 0, mask.shape[0]), np.float32)


def correction(rng: Rng, truth: Mask, answer: Mask) -> tuple[Numbers, int]:
    """A click (2,) in what the answer got wrong, and its label: 1 where it missed the object, 0 where it went over."""
    wrong = truth ^ answer
    if not wrong.any():
        return click(rng, truth), 1
    point = click(rng, wrong)
    return point, int(truth[int(point[1]), int(point[0])])


def coarse(rng: Rng, mask: Mask) -> Numbers:
    """Logits (H, W) of the mask as a coarse attention map shows it: few cells, uneven, sometimes shifted."""
    cells = int(rng.choice([8, 16, 16, 32]))
    side = mask.shape[0]
    shares = cv2.resize(mask.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    seen = np.asarray(cv2.GaussianBlur(shares, (0, 0), float(rng.uniform(0.3, 1.0))), np.float32)
    seen = seen / max(float(seen.max()), 1e-3) + rng.normal(0, 0.08, seen.shape).astype(np.float32)
    logits = (seen - np.float32(rng.uniform(0.3, 0.5))) * np.float32(rng.choice([8, 16, 24]))
    return np.asarray(cv2.resize(logits, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)

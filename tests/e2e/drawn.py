"""What the eye sees on a screenshot: which pixels of a picture are tinted in the colour of a label."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from model.geometry import iou
from model.types import Image, Mask
from tests.e2e.configs import Colour

LEAST_TINT, MOST_TINT = 0.25, 0.95  # opacity of a drawn mask; the editor uses about 0.6
FAR = 60.0  # distance in RGB that is not noise of scaling any more
MUCH = 0.5  # share of a label's pixels that have to be visible for a judgement


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A mask (H, W) on the screen, and the pixels (H, W) where its colour could be told from the picture's."""

    mask: Mask
    known: Mask

    def overlap(self, truth: Mask) -> float:
        """Intersection over union with a mask of any size, where the colours can be told apart."""
        wanted = scaled(truth, self.mask.shape)
        assert self.known[wanted].mean() >= MUCH, "the label has nearly the colour of what it lies on"
        return iou(self.mask & self.known, wanted & self.known)

    def share_around(self, x: float, y: float) -> float:
        """Share of drawn pixels around a spot (fractions of the picture), without the dot that marks the click."""
        rows, columns = np.ogrid[: self.mask.shape[0], : self.mask.shape[1]]
        distance = np.hypot(rows - y * self.mask.shape[0], columns - x * self.mask.shape[1])
        ring = (distance > 4) & (distance < 9)
        return float(self.mask[ring].mean())


def tinted(screen: Image, picture: Image, colour: Colour) -> Drawn:
    """Explain each pixel of the screen (H, W, 3) as the picture's, of any size, with a share of the colour over it."""
    bare = cv2.resize(picture, screen.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    change, full = screen.astype(np.float32) - bare, np.asarray(colour, np.float32) - bare
    share = (change * full).sum(axis=2) / np.maximum((full * full).sum(axis=2), 1.0)
    unexplained = np.linalg.norm(change - share[..., None] * full, axis=2)
    mask = (share >= LEAST_TINT) & (share <= MOST_TINT) & (unexplained < FAR / 2)
    return Drawn(np.asarray(mask), np.asarray(np.linalg.norm(full, axis=2) > 2 * FAR))


def scaled(mask: Mask, size: tuple[int, ...]) -> Mask:
    """A mask at the size (H, W) of a screenshot."""
    return np.asarray(cv2.resize(mask.astype(np.uint8), size[1::-1], interpolation=cv2.INTER_NEAREST) > 0)

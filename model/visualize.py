"""Pictures for people: masks, points and boxes drawn over an image, maps as colours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import cv2
import numpy as np
from numpy.typing import NDArray

from model.types import Image, Mask, MaskPrompt

TINTS = ((230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240))
POSITIVE, NEGATIVE, BOX = (60, 200, 90), (230, 40, 60), (255, 225, 25)


def overlay(image: Image, masks: Sequence[Mask]) -> Image:
    """The image (H, W, 3), dark outside the masks (H, W), each of them outlined in a colour of its own."""
    picture = (0.4 * image).astype(np.uint8)
    for tint, mask in zip(cycle(TINTS), masks, strict=False):
        picture[mask] = image[mask]
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, tint, 3)
    return picture


def heat(scores: NDArray[np.float32], size: tuple[int, int]) -> Image:
    """Scores (g, g) in 0..1 as colours, dark to bright, at `size` (H, W)."""
    grey = (255 * scores.clip(0, 1)).astype(np.uint8)
    large = cv2.resize(grey, size[::-1], interpolation=cv2.INTER_NEAREST)
    return cv2.cvtColor(cv2.applyColorMap(large, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)


def marked(image: Image, prompts: Sequence[MaskPrompt]) -> Image:
    """The image (H, W, 3), dimmed, with the boxes and the points of mask prompts: green on the object, red off it."""
    picture = (0.6 * image).astype(np.uint8)
    radius = max(4, max(image.shape) // 48)
    for prompt in prompts:
        if prompt.box is not None:
            x0, y0, x1, y1 = (round(float(side)) for side in prompt.box)
            cv2.rectangle(picture, (x0, y0), (x1, y1), BOX, max(1, radius // 2))
    for prompt in prompts:
        for (x, y), label in zip(prompt.point_coords, prompt.point_labels, strict=True):
            at = round(float(x)), round(float(y))
            cv2.circle(picture, at, radius + 1, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(picture, at, radius, POSITIVE if label else NEGATIVE, -1, cv2.LINE_AA)
    return picture

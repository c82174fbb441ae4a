"""Held-out pictures with masks before and after, small enough to be stored with the figures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from model.learning.dataset.agreement import framed, score
from model.types import Image, Mask
from model.visualize import overlay

MOST = 4  # pictures
WIDTH = 256  # pixels
QUALITY = 80  # of JPEG, in percent


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutLabel:
    """One label on one held-out picture: the objects (h, w) that are wanted, found before, and found after."""

    picture: str
    label: str
    wanted: tuple[Mask, ...]
    before: tuple[Mask, ...]
    after: tuple[Mask, ...]

    @property
    def scores(self) -> tuple[float, float]:
        """Before and after."""
        return score(self.wanted, self.before), score(self.wanted, self.after)

    @property
    def changed(self) -> bool:
        """Whether it was answered otherwise after than before."""
        same = len(self.before) == len(self.after)
        return not same or any((one != other).any() for one, other in zip(self.before, self.after, strict=True))

    @property
    def gain(self) -> float:
        """What the score gained."""
        before, after = self.scores
        return after - before


def telling(scenes: Sequence[HeldOutLabel]) -> tuple[HeldOutLabel, ...]:
    """The scenes that say most about a change: the largest gains and, as the last one, the least, or largest loss."""
    ordered = sorted(scenes, key=lambda each: -each.gain)
    return tuple(ordered) if len(ordered) <= MOST else (*ordered[: MOST - 1], ordered[-1])


def shown(scene: HeldOutLabel, image: Image) -> dict[str, Any]:
    """A scene for the figures: its scores, and the image with each side's masks as JPEG in base64."""
    scale = min(1.0, WIDTH / image.shape[1])
    size = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    small = np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    sides = {"annotators": scene.wanted, "before": scene.before, "after": scene.after}
    images = {name: _jpeg(overlay(small, [framed(mask, size) for mask in masks])) for name, masks in sides.items()}
    before, after = scene.scores
    return {"picture": scene.picture, "label": scene.label, "scores": [before, after], "images": images}


def _jpeg(image: Image) -> str:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done, "a picture in memory can be written as JPEG"
    return base64.b64encode(data.tobytes()).decode("ascii")

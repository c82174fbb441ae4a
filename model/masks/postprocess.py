"""From SAM's logits to the mask that an annotator sees: its border on the picture's edges, its points obeyed, tidy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from model.config import SelectionConfig
from model.grounding.features import Features, Seen
from model.grounding.stretch import Stretch
from model.masks.guided_filter import snapped
from model.masks.hint_prompts import pixel_of
from model.masks.specks import tidy
from model.types import Image, Mask, Point

DISC = 0.5  # radius, in reaches of a border, of what a disobeyed mark changes by itself; ours


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What masks are drawn on: a picture (H, W, 3), and how logits (K, h, w) become masks (K, H, W) of its size.

    Borders go to edges of the stretched picture: in a dark one they are too faint for the guided filter.
    """

    image: Image
    stretch: Stretch | None
    enlarge: Callable[[torch.Tensor], Mask]
    config: SelectionConfig


def sheet_of(sight: Features, seen: Seen) -> Sheet:
    """A picture without what the segmenter made of it: of that, drawing needs the sizes alone."""
    frame = replace(seen.embedding, features=torch.empty(0))
    return Sheet(seen.image, seen.stretch, partial(sight.models.segmenter.enlarge, frame), sight.config.selection)


def shaped(sheet: Sheet, logits: NDArray[np.float32], marks: Sequence[Point] = ()) -> Mask:
    """The mask (H, W) of logits (h, w), every positive mark inside and every negative one outside (ours).

    A mark that SAM's answer gets wrong brings a disc along before the border is drawn, so that the disc, too, ends at
    edges. Where drawing takes a mark away, SAM's own border stays around it. Last, a small disc holds what is left.
    """
    mask = sheet.enlarge(torch.from_numpy(logits[None]))[0]
    reach = sheet.config.snapping * max(mask.shape) / max(logits.shape)
    asked = obeying(mask, marks, DISC * reach)
    drawn = snapped(sheet.image, asked, reach, sheet.stretch)
    for mark in disobeyed(drawn, marks):
        near = disc(mark, DISC * reach, mask.shape) > 0
        drawn[near] = asked[near]
    whole = tidy(drawn, marks, sheet.config.specks)
    return obeying(whole, marks, DISC * reach / 2)


def obeying(mask: Mask, marks: Sequence[Point], radius: float) -> Mask:
    """The mask (H, W) with a disc of `radius` pixels around each mark that it gets wrong.

    A disc reaches half way to the next mark of the other sign at most. Of two such marks on one pixel the later counts.
    """
    found = mask
    for mark in disobeyed(mask, marks):
        others = [np.hypot(mark.x - each.x, mark.y - each.y) for each in marks if each.positive != mark.positive]
        found = found.copy() if found is mask else found
        found[disc(mark, min([radius, *(distance / 2 for distance in others)]), mask.shape) > 0] = mark.positive
    return found


def disobeyed(mask: Mask, marks: Sequence[Point]) -> list[Point]:
    """The positive marks outside a mask (H, W) and the negative ones inside."""
    return [mark for mark in marks if mask[pixel_of(mark, mask.shape)] != mark.positive]


def disc(mark: Point, radius: float, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pixels (H, W) within `radius` of a mark, its own in any case."""
    row, column = pixel_of(mark, size)
    return np.asarray(cv2.circle(np.zeros(size[:2], np.uint8), (column, row), int(radius), 1, -1), np.uint8)

"""Masks in few bytes, as COCO's compressed run-length code, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco

from model.types import Mask


@dataclass(frozen=True, slots=True)
class CocoRle:
    """A mask of `size` (H, W) as COCO's compressed run lengths, column by column."""

    size: tuple[int, int]
    counts: bytes


def pack(mask: Mask) -> CocoRle:
    """The mask (H, W) in few bytes."""
    runs = coco.encode(np.asfortranarray(mask, np.uint8))
    return CocoRle((mask.shape[0], mask.shape[1]), runs["counts"])


def unpack(packed: CocoRle) -> Mask:
    """The mask (H, W) again."""
    return np.asarray(coco.decode({"size": list(packed.size), "counts": packed.counts}), np.bool_)


def overlap(one: CocoRle, other: CocoRle) -> float:
    """Intersection over union of two masks, without unpacking them; 0 where their sizes differ or one is empty."""
    if one.size != other.size:
        return 0.0
    first, second = ({"size": list(each.size), "counts": each.counts} for each in (one, other))
    return float(coco.iou([first], [second], [0])[0, 0])

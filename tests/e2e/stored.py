"""What Label Studio stored, decoded by its SDK and by Pillow rather than by our own codecs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from label_studio_sdk.converter import brush
from PIL import Image as Pictures

from backend.samples import label_of
from model.embedded.scenes import Thing
from model.geometry import iou
from model.types import Mask

MASKS = ("bitmask", "bitmasklabels", "brush", "brushlabels")


def masks_by_label(items: Sequence[Mapping[str, Any]], size: tuple[int, ...]) -> dict[str, Mask]:
    """All pixels (H, W) of each label; a mask without a label is called ""."""
    labels = {item["id"]: item["value"]["labels"][0] for item in items if item["type"] == "labels"}
    masks: dict[str, Mask] = {}
    for item in (item for item in items if item["type"] in MASKS):
        value, kind = item["value"], item["type"]
        label = value[kind][0] if kind.endswith("labels") else labels.get(item["id"], "")
        mask = from_png(value["imageDataURL"]) if "imageDataURL" in value else from_rle(value["rle"], size)
        assert mask.shape == size, f"a mask of {mask.shape} on a picture of {size}"
        masks[label] = masks.get(label, np.zeros(size, np.bool_)) | mask
    return masks


def from_png(uri: str) -> Mask:
    file = io.BytesIO(base64.b64decode(uri.split(",")[1]))
    return np.asarray(Pictures.open(file).convert("RGBA"))[..., 3] >= 128


def from_rle(rle: list[int], size: tuple[int, ...]) -> Mask:
    try:
        pixels = brush.decode_rle(rle)
    except ValueError as error:
        raise AssertionError("a run-length encoding that ends too early") from error
    assert pixels.size == 4 * size[0] * size[1], f"{pixels.size} numbers for a picture of {size}"
    return np.asarray(pixels.reshape(*size, 4)[..., 3] >= 128)


def overlap(items: Sequence[Mapping[str, Any]], thing: Thing) -> float:
    """How well the regions with the thing's label cover the thing."""
    found = masks_by_label(items, thing.mask.shape).get(label_of(thing))
    return 0.0 if found is None else iou(found, thing.mask)

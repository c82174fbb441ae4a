"""Masks that an annotator has accepted already: a pre-annotation need not offer them again."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from backend.labelstudio import bitmask, brush_rle
from backend.labelstudio.label_config import LabelConfig
from backend.labelstudio.results import label_of
from backend.prompting.drafts import accepted_items
from backend.prompting.hints import Item, value_of
from backend.prompting.marks import labels_of
from backend.prompting.prompts import Request
from model.errors import BadQuery
from model.geometry import iou
from model.types import Answer, Mask

SAME_OBJECT = 0.7  # intersection over union with an accepted mask (ours)
SIDE = 512  # pixels of the longer side that masks are compared on
MOST = 100  # accepted masks that are looked at, the newest


def without_doubles(answer: Answer, request: Request, task: Any, config: LabelConfig) -> Answer:
    """The answer without the segments that an accepted mask of the same label shows already.

    Masks are decoded only where the answer has a segment of their label, and compared on every n-th pixel.
    """
    labels = [label_of(segment, request, config) for segment in answer.segments]
    if not labels:
        return answer
    known = _masks(accepted_items(task, config)[-MOST:], set(labels), answer.segments[0].mask.shape, config)
    pairs = zip(answer.segments, labels, strict=True)
    kept = tuple(segment for segment, label in pairs if not _is_known(_small(segment.mask), known.get(label, [])))
    return replace(answer, segments=kept)


def _is_known(mask: Mask, known: list[Mask]) -> bool:
    return bool(mask.any()) and any(iou(mask, other) >= SAME_OBJECT for other in known)


def _masks(
    families: list[list[Item]], labels: set[str | None], size: tuple[int, ...], config: LabelConfig
) -> dict[str | None, list[Mask]]:
    """The accepted masks (small) of these labels; what cannot be read, or is of another picture's size, is left out."""
    masks: dict[str | None, list[Mask]] = {}
    for family in families:
        with contextlib.suppress(BadQuery):
            label = next((known.value for name in labels_of(family) if (known := config.label_called(name))), None)
            if label in labels:
                masks.setdefault(label, []).append(_small(_decoded(family[0], (size[0], size[1]))))
    return masks


def _decoded(item: Item, size: tuple[int, int]) -> Mask:
    value = value_of(item)
    return (
        brush_rle.decode(value["rle"], size) if "rle" in value else bitmask.decode(str(value.get("imageDataURL")), size)
    )


def _small(mask: Mask) -> Mask:
    step = -(-max(mask.shape) // SIDE)
    return mask[::step, ::step]

"""A segment before its mask is drawn: what drawing needs, and nothing of the models, so that any thread may draw it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model.types import Mask, Segment


def _nothing(_: Mask) -> str:
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentDraft:
    """Draws a mask (H, W) and makes a segment of it. Holds no features and no attention: those take a device's memory.

    Drawing changes nothing, and asks neither weights nor the cache. `remark` says what an annotator should know of the
    mask, an empty one included; nothing by default.
    """

    mask: Callable[[], Mask]
    segment: Callable[[Mask], Segment]
    remark: Callable[[Mask], str] = _nothing


def drawn(sketches: Iterable[SegmentDraft]) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """The segments in their order, and the remarks about their masks. Empty masks are no segments."""
    masks = [(sketch, sketch.mask()) for sketch in sketches]
    remarks = dict.fromkeys(sketch.remark(mask) for sketch, mask in masks)
    return tuple(sketch.segment(mask) for sketch, mask in masks if mask.any()), tuple(filter(None, remarks))

"""A segment before its mask is drawn: what drawing needs, and nothing of the models, so that any thread may draw it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model.values import Mask, Segment


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Draws a mask (H, W) and makes a segment of it. Holds no features and no attention: those take a device's memory.

    Drawing changes nothing, and asks neither weights nor the cache.
    """

    mask: Callable[[], Mask]
    segment: Callable[[Mask], Segment]


def drawn(sketches: Iterable[Sketch]) -> tuple[Segment, ...]:
    """The segments in their order; empty masks are no segments."""
    masks = ((sketch, sketch.mask()) for sketch in sketches)
    return tuple(sketch.segment(mask) for sketch, mask in masks if mask.any())

"""A further click on an object: which region it refines, and what SAM made of it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from backend.prompting.hints import wants
from backend.prompting.marks import Pointed
from model.types import Hint, Mask, Point

Logits = NDArray[np.float32]  # (h, w), a segment's `low_res_mask`

SIDE = 256  # cells of a remembered mask's longer side


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A region that a text found: its id, every `step`-th pixel of its mask, and SAM's logits."""

    region: str
    small: Mask
    step: int
    logits: Logits | None

    @classmethod
    def of(cls, region: str, mask: Mask, logits: Logits | None) -> Found:
        """Remember a mask (H, W) of a picture."""
        step = -(-max(mask.shape) // SIDE)
        return cls(region, mask[::step, ::step].copy(), step, logits)

    def holds(self, point: Point) -> bool:
        """Whether a click lies in the region."""
        return bool(self.small[self._cell(point)])

    def inside(self, others: Sequence[Point]) -> Point | None:
        """The place deepest inside the region and farthest from other clicks; None where nothing is left of it."""
        import cv2  # a tenth of a second, which the start of the server should not wait for

        cells = np.pad(self.small, 1).astype(np.uint8)
        for point in others:
            row, column = self._cell(point)
            cells[row + 1, column + 1] = 0
        depth = cv2.distanceTransform(cells, cv2.DIST_L2, 5)[1:-1, 1:-1]
        y, x = (int(at) * self.step + 0.5 for at in np.unravel_index(depth.argmax(), depth.shape))
        return Point(x, y) if depth.any() else None

    def _cell(self, point: Point) -> tuple[int, int]:
        return int(point.y) // self.step, int(point.x) // self.step


@dataclass(frozen=True, slots=True)
class RefinedRegion:
    """How a region was asked for last: the hint, which holds the logits before it, and the logits after it."""

    hint: Hint
    after: Logits | None


def anchored(pointed: Sequence[Pointed], found: Sequence[Found]) -> tuple[Pointed, ...]:
    """What was pointed at; where that is only what is unwanted, it is cut from each region that the text found.

    SAM needs something on the object: the place deepest inside the region (ours).
    """
    if not pointed or any(wants(thing.hint) for thing in pointed):
        return tuple(pointed)
    points = tuple(point for thing in pointed for point in thing.hint.points)
    strokes = tuple(stroke for thing in pointed for stroke in thing.hint.strokes)
    places = [(region, place) for region in found if (place := region.inside(points)) is not None]
    cut = tuple(Pointed(Hint((place, *points), strokes=strokes), region=region.region) for region, place in places)
    return cut or tuple(pointed)


def identified(pointed: Sequence[Pointed], regions: Mapping[str, str], found: Sequence[Found]) -> tuple[Pointed, ...]:
    """Give each hint the id of its region.

    A hint that goes on with a known mark keeps that mark's region, so that accepting the answer replaces what was
    accepted before; so does a click into a region that the text found. Any other gets a new, long id: a short one may
    name another region of the annotation. No two hints share one.
    """
    taken: set[str] = set()
    named = []
    for thing in pointed:
        known = [thing.region, *(regions.get(mark, "") for mark in thing.ids), _below(thing.hint, found)]
        region = next((region for region in known if region and region not in taken), uuid4().hex)
        taken.add(region)
        named.append(replace(thing, region=region))
    return tuple(named)


def _below(hint: Hint, found: Sequence[Found]) -> str:
    """The region of the text that holds every positive click; empty where there is none, or no such click."""
    clicks = [point for point in hint.points if point.positive]
    inside = [region.region for region in found if clicks and all(region.holds(point) for point in clicks)]
    return inside[0] if inside else ""


def informed(
    pointed: Sequence[Pointed], refined: Mapping[str, RefinedRegion], found: Sequence[Found]
) -> tuple[Pointed, ...]:
    """Give each hint the logits of the answer that it refines; a hint that is asked again gets the same ones again."""
    start = {region.region: region.logits for region in found}
    return tuple(_informed(thing, refined.get(thing.region), start.get(thing.region)) for thing in pointed)


def _informed(thing: Pointed, last: RefinedRegion | None, start: Logits | None) -> Pointed:
    if last is None:
        return replace(thing, hint=replace(thing.hint, previous=start))
    again = last.hint == thing.hint
    return replace(thing, hint=replace(thing.hint, previous=last.hint.previous if again else last.after))

"""An engine by colour that takes hints as the real one does: they decide where, and a text only comes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from model.types import Answer, Hint, Image, Mask, Point, Query, Segment
from tests.backend.colour_engine import ColourEngine

CUT = 6  # pixels around a negative click that are not in the answer


@dataclass(frozen=True)
class PointingEngine(ColourEngine):
    """Keeps what it was asked; the n-th segment that it gives has logits n."""

    seen: list[Query] = field(default_factory=list)
    given: list[int] = field(default_factory=list)

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        """Answer the hints, each by its first positive click or its box, or else the clauses."""
        self.seen.append(query)
        answer = super().segment(image, query if not query.hints else replace(query, clauses=()), give_way)
        return replace(answer, segments=tuple(self._segment(segment, query) for segment in answer.segments))

    def _segment(self, segment: Segment, query: Query) -> Segment:
        self.given.append(len(self.given))
        logits = np.full((4, 4), self.given[-1], np.float32)
        if segment.hint is None:
            return replace(segment, low_res_mask=logits)
        mask = _cut(segment.mask, query.hints[segment.hint])
        return replace(segment, mask=mask, clause=0 if query.clauses else None, low_res_mask=logits)


def _cut(mask: Mask, hint: Hint) -> Mask:
    return np.asarray(mask & ~np.any([_around(point, mask.shape) for point in hint.points], axis=0))


def _around(point: Point, size: tuple[int, ...]) -> Mask:
    rows, columns = np.mgrid[: size[0], : size[1]]
    near = (rows - point.y) ** 2 + (columns - point.x) ** 2 < CUT**2
    return np.asarray(near & (not point.positive), np.bool_)

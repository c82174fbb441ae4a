"""Replies and records for tests."""

from __future__ import annotations

from collections.abc import Sequence

from model.evaluation.records import Area, Record, Reply


def reply(
    scores: Sequence[float] = (),
    overlaps: Sequence[Sequence[float]] = (),
    objects: int = 0,
    areas: Sequence[Area] = (),
    said: tuple[int, int, str] = (0, 0, ""),
) -> Reply:
    """A reply; `said`: number of the item, number of the wording, form."""
    item, wording, form = said
    return Reply("", form, item, wording, tuple(areas), tuple(scores), tuple(tuple(row) for row in overlaps), objects)


def record(key: str, *replies: Reply) -> Record:
    return Record(key, replies, (), (), questions=2, seconds=1.0, unet_calls=3, unet_rows=6)

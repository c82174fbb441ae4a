"""Replies and records for tests."""

from __future__ import annotations

from collections.abc import Sequence

from model.evaluation.records import Area, Record, TextReply


def reply(
    scores: Sequence[float] = (),
    overlaps: Sequence[Sequence[float]] = (),
    objects: int = 0,
    areas: Sequence[Area] = (),
    said: tuple[int, int, str] = (0, 0, ""),
) -> TextReply:
    """A reply; `said`: number of the item, number of the wording, form."""
    item, wording, form = said
    return TextReply(
        "", form, item, wording, tuple(areas), tuple(scores), tuple(tuple(row) for row in overlaps), objects
    )


def record(key: str, *replies: TextReply) -> Record:
    return Record(key, replies, (), (), questions=2, seconds=1.0, unet_calls=3, unet_rows=6)

"""Annotations, offers and times for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from backend.store import annotation_rows
from backend.webhooks.corrections import Annotation, Correction, Offer
from model.coco_rle import CocoRle

PAGE = 100  # annotations that a sync takes at once
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """So many seconds after noon."""
    return START + timedelta(seconds=seconds)


def annotation(id: int, updated: float, task: int = 1, said: str = "", masks: int = 1) -> Annotation:
    """An annotation whose content is named by `said`."""
    corrections = tuple(correction(f"region-{number}", said.encode() or b"04") for number in range(masks))
    return Annotation(id, task, f"/data/{task}.png", "7", moment(updated), texts=(said,), corrections=corrections)


def correction(region: str, counts: bytes = b"04") -> Correction:
    """A mask of 2 x 2 pixels."""
    return Correction(region, "Star", CocoRle((2, 2), counts), "prediction-changed")


def offer(region: str, version: str = "v1") -> Offer:
    """A region of 2 x 2 pixels that was offered."""
    return Offer(region, "12", "Star", "glorp", CocoRle((2, 2), b"04"), version)


def replace_all(connection: Connection, project: str, annotations: Iterable[Annotation], began: datetime) -> None:
    """Take what a sync that began then found in the whole project."""
    found = list(annotations)
    for start in range(0, len(found), PAGE):
        annotation_rows.confirm(connection, project, found[start : start + PAGE], began)
    annotation_rows.sweep(connection, project, began)

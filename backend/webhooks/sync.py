"""Reads everything annotators left in a project again through the API, and so repairs what events missed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from backend.labelstudio import label_config
from backend.labelstudio.annotations import AnnotationReading, read_annotation
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.label_config import LabelConfig
from backend.store import annotation_rows, projects
from backend.store.database import Database
from backend.store.tables import annotations as stored
from model.errors import BadQuery

logger = logging.getLogger(__name__)

PAGE = 100  # annotations that are stored at once: webhooks wait meanwhile
PATIENCE = timedelta(minutes=2)  # that an event may come after its annotation, clocks apart included


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync found: annotations, masks in them, masks that could not be read, annotations that are gone.

    `left_out`: annotations that could not be read at all.
    """

    project: str
    title: str = ""
    annotations: int = 0
    corrections: int = 0
    unreadable: int = 0
    left_out: int = 0
    gone: int = 0

    def __str__(self) -> str:
        """One line for the operator."""
        parts = [f"{self.annotations} annotations", f"{self.corrections} masks"]
        parts += [f"{self.unreadable} masks unreadable"] if self.unreadable else []
        parts += [f"{self.left_out} annotations left out"] if self.left_out else []
        parts += [f"{self.gone} gone"] if self.gone else []
        return f"project {self.project.partition('.')[0]} ({self.title}): {', '.join(parts)}"


def sync(database: Database, studio: LabelStudioClient, key: str) -> SyncReport:
    """Read one project again. What is not there any more is forgotten, once all of the project was read.

    Raises Misconfigured and Unavailable as `LabelStudioClient` and the database do; what was read until then is kept,
    and nothing is forgotten.
    """
    described = studio.describe(key)
    config = label_config.read(described.project.label_config)
    with database.writing() as connection:
        known = projects.find(connection, key)
        projects.see(connection, replace(described.project, hostname=known.hostname if known else ""))
    began = described.asked
    if known is not None and known.last_sync is not None:  # the server tells whole seconds, and syncs need an order
        began = max(began, known.last_sync + timedelta(microseconds=1))
    reader = _Reader(studio.tasks(key), config, SyncReport(key, described.project.title))
    for page in reader.pages():
        with database.writing() as connection:
            annotation_rows.confirm(connection, key, [reading.annotation for reading in page], began)
    with database.writing() as connection:
        before = annotation_rows.basis(connection, key).count
        annotation_rows.sweep(connection, key, began)
        gone = before - annotation_rows.basis(connection, key).count
        projects.note_sync(connection, key, began)
    return replace(reader.report, gone=gone)


def webhook_missing(database: Database, key: str) -> bool:
    """Whether annotations came to light that no event told of: Label Studio has no webhook for us, or it fails."""
    with database.reading() as connection:
        project = projects.find(connection, key)
        newest: datetime | None = connection.scalar(select(func.max(stored.c.updated)).where(stored.c.project == key))
    if project is None or project.last_sync is None or newest is None:
        return False
    return project.last_webhook is None or newest > project.last_webhook + PATIENCE


@dataclass(slots=True)
class _Reader:
    """Reads tasks, and counts."""

    tasks: Iterator[Mapping[str, Any]]
    config: LabelConfig
    report: SyncReport
    _page: list[AnnotationReading] = field(default_factory=list)

    def pages(self) -> Iterator[list[AnnotationReading]]:
        """The readings, some at a time."""
        for task in self.tasks:
            self._page += self._readings(task)
            if len(self._page) >= PAGE:
                yield from self._taken()
        yield from self._taken()

    def _taken(self) -> Iterator[list[AnnotationReading]]:
        page, self._page = self._page, []
        for start in range(0, len(page), PAGE):
            yield page[start : start + PAGE]

    def _readings(self, task: Mapping[str, Any]) -> list[AnnotationReading]:
        readings = [reading for entry in task["annotations"] if (reading := self._reading(entry, task)) is not None]
        self.report = replace(
            self.report,
            annotations=self.report.annotations + len(readings),
            corrections=self.report.corrections + sum(len(one.annotation.corrections) for one in readings),
            unreadable=self.report.unreadable + sum(len(one.troubles) for one in readings),
            left_out=self.report.left_out + len(task["annotations"]) - len(readings),
        )
        return readings

    def _reading(self, entry: Mapping[str, Any], task: Mapping[str, Any]) -> AnnotationReading | None:
        try:
            reading = read_annotation(entry, task, self.config)
        except BadQuery as error:  # the boundary of one annotation
            logger.warning("Project %s, annotation %s is left out: %s", self.report.project, entry.get("id"), error)
            return None
        for trouble in reading.troubles:
            logger.warning("Project %s: %s", self.report.project, trouble)
        return reading

"""From the inbox to the facts: reads the events of the webhook one after the other, in a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from backend.background import BackgroundWorker
from backend.labelstudio import label_config
from backend.labelstudio.annotations import AnnotationReading, read_annotation
from backend.observability.metrics import Metrics
from backend.problems import problem
from backend.store import annotation_rows, projects
from backend.store.annotation_rows import Event
from backend.store.database import Database
from backend.store.projects import Project
from backend.webhooks import body as body_module
from backend.webhooks.actions import DELETED, START_TRAINING, SUBMITTED
from backend.webhooks.body import Body
from model.errors import BadQuery, Unavailable

logger = logging.getLogger(__name__)

IDLE = 60.0  # seconds until the inbox is looked at without a call: another process may have died with its events


@dataclass(frozen=True, slots=True)
class EventContent:
    """What an event says: the project as it was then, the annotations, and the ids of what was deleted."""

    project: Project
    readings: tuple[AnnotationReading, ...] = ()
    deleted: tuple[int, ...] = ()
    troubles: tuple[str, ...] = ()


class EventProcessor(BackgroundWorker):
    """Turns events into facts. An event leaves the inbox in the transaction that stores what it says.

    So a kill costs nothing: the next clerk begins with the same event, and facts may be told twice. Several processes
    may each have a clerk on one database. `on_training` is called with the project's key for START_TRAINING, after
    what came before it became facts.
    """

    longest_pause = 5.0

    def __init__(self, database: Database, metrics: Metrics, on_training: Callable[[str], None]) -> None:
        super().__init__("clerk")
        self.catch_up: Callable[[], None] = lambda: None  # stores the events that wait outside the database
        self._database = database
        self._metrics = metrics
        self._on_training = on_training

    def turn(self) -> float:
        """Deal with the oldest event."""
        return 0.0 if self.work_once() else IDLE

    def failed(self, error: Exception, pause: float) -> None:
        """Log that the database did not answer."""
        logger.warning("The inbox waits, next attempt in %.0f s: %s", pause, problem(error).message)

    def work_once(self) -> bool:
        """Deal with the oldest event; False where there is none. Raises Unavailable; then the event stays."""
        self.catch_up()
        with self._database.reading() as connection:
            pending = annotation_rows.pending(connection, 1)
        for event in pending:
            self._deal_with(event)
        return bool(pending)

    def _deal_with(self, event: Event) -> None:
        try:
            news = news_of(event)
            if event.action == START_TRAINING:
                self._on_training(event.project)
            with self._database.writing() as connection:
                _tell(connection, event, news)
                annotation_rows.settle(connection, [event.id])
        except Unavailable:
            raise
        except Exception as error:  # the boundary of one event: it would stand in the way of all others for ever
            self._give_up(event, error)
            return
        self._metrics.events.labels(event.action, "read").inc()
        self._report(event, news)

    def _give_up(self, event: Event, error: Exception) -> None:
        message = problem(error).message
        logger.error("Event %d (%s, project %s) is left out: %s", event.id, event.action, event.project, message)
        self._metrics.events.labels(event.action, "unreadable").inc()
        with self._database.writing() as connection:
            annotation_rows.settle(connection, [event.id])

    def _report(self, event: Event, news: EventContent) -> None:
        lost = [trouble for reading in news.readings for trouble in reading.troubles]
        self._metrics.unreadable_masks.inc(len(lost))
        for trouble in (*news.troubles, *lost):
            logger.warning("Event %d, project %s: %s", event.id, event.project, trouble)


def news_of(event: Event) -> EventContent:
    """Read an event, with all its masks. Raises BadQuery or Misconfigured where nothing of it can be read."""
    body = body_module.unpacked(event.body)
    named = body.document["project"]
    project = Project(event.project, title=named["title"], label_config=named["label_config"])
    if event.action not in SUBMITTED:
        return EventContent(project, deleted=tuple(body.document.get("ids", ())))
    config = label_config.read(project.label_config)
    readings: list[AnnotationReading] = []
    troubles: list[str] = []
    for entry in body.document["annotations"]:
        try:
            task = {"id": entry["task"], "data": body.document["tasks"][str(entry["task"])]}
            readings.append(read_annotation(_whole(entry, body), task, config))
        except BadQuery as error:  # the boundary of one annotation: an event may hold hundreds
            troubles.append(f"annotation {entry.get('id')} is left out: {error}")
    return EventContent(project, tuple(readings), troubles=tuple(troubles))


def _whole(entry: dict[str, Any], body: Body) -> dict[str, Any]:
    """The annotation with its masks' run-length codes in place again. One without a list of items is left as it is."""
    if not isinstance(entry["result"], list):
        return entry
    return {**entry, "result": [_item(item, body) for item in entry["result"]]}


def _item(item: Any, body: Body) -> Any:
    value = item.get("value") if isinstance(item, dict) else None
    if not isinstance(value, dict) or "rle" not in value:
        return item
    return {**item, "value": {**value, "rle": body_module.numbers(value["rle"], body)}}


def _tell(connection: Connection, event: Event, news: EventContent) -> None:
    known = projects.find(connection, event.project)
    described = Project(event.project, known.hostname if known else "", news.project.title, news.project.label_config)
    if known is None or (known.title, known.label_config) != (described.title, described.label_config):
        projects.see(connection, described)
    for reading in news.readings:
        annotation_rows.keep(connection, event.project, reading.annotation)
    if event.action in DELETED:
        forget = annotation_rows.forget if DELETED[event.action] == "annotations" else annotation_rows.forget_tasks
        forget(connection, event.project, news.deleted, event.received)

"""A webhook's request -> an event in the inbox: only what learning needs, and so fast that nobody's Submit waits.

A project comes with a token and a password. What is kept of anything is listed here by name; the rest goes nowhere.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cachetools import LRUCache
from werkzeug.exceptions import BadRequest

from backend.background import Seldom
from backend.labelstudio.annotations import id_number, moment
from backend.learning.progress import progress
from backend.observability.metrics import Metrics
from backend.store import annotation_rows, projects
from backend.store.annotation_rows import Event
from backend.store.connection.clock import now
from backend.store.connection.sqlite_file import FileGone
from backend.store.database import Database
from backend.store.projects import Project
from backend.webhooks import body as body_module
from backend.webhooks.actions import ACTIONS, DELETED, START_TRAINING, SUBMITTED, TASKS_CREATED
from backend.webhooks.body import Body
from backend.webhooks.spool import Spool
from model.errors import BadQuery, Unavailable

logger = logging.getLogger(__name__)

ANNOTATION_KEYS = (
    *("id", "task", "result", "was_cancelled", "ground_truth", "created_at", "updated_at", "completed_by"),
    *("updated_by", "import_id", "last_action", "parent_prediction"),
)
KEY = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}")  # "<id>.<created unix>"
LONGEST_CONFIG, LONGEST_TITLE = 1_000_000, 1000  # characters
PROJECTS = 1000  # whose addresses are kept in memory


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an event: "recorded" or "ignored". message: for Start Training, how far the project has come."""

    outcome: str
    message: str = ""


def project_key(number: int, created: datetime) -> str:
    """The project's name in /setup and /predict: "<id>.<created unix>"."""
    return f"{number}.{int(created.timestamp())}"


class EventRecorder:
    """Puts events into the inbox; threads may share it.

    An annotator waits meanwhile, so `database` should be one whose patience is below a second. `wake` is called for
    every event that waits to be read.
    """

    def __init__(
        self, database: Database, metrics: Metrics, wake: Callable[[], None], spool: Spool | None = None
    ) -> None:
        """`spool` takes what the database cannot; without one such an event is refused."""
        self._database, self._asides = database, database.sparing()
        self._spool = spool
        self._metrics = metrics
        self._wake = wake
        self._lines = {True: Seldom(), False: Seldom()}  # about events that are lost, and that wait
        self._hostnames: LRUCache[str, str] = LRUCache(PROJECTS)
        self._lock, self._catching = threading.Lock(), threading.Lock()

    def take(self, raw: bytes) -> Taken:
        """Record the event in a request's body and say what became of it.

        Raises BadRequest for what is no event, and Unavailable where the database does not take it.
        """
        action = ""
        try:
            body = body_module.read(raw)
            action = str(body.document.get("action"))
            event = event_of(body, datetime.now(UTC))
            kept = "" if event is None else self._keep(event)
        except (ValueError, BadQuery) as error:
            self._count(action, "refused")
            raise BadRequest(f"webhook: {error}") from error
        except Unavailable as error:
            self._count(action, "lost")
            self._complain(error, lost=True)
            raise
        outcome = "ignored" if event is None or event.action == TASKS_CREATED else "recorded"
        self._count(action, "spooled" if kept == "spooled" else outcome)
        if event is None or event.action != START_TRAINING:
            return Taken(outcome)
        return Taken(outcome, self._progress(event.project))

    def met(self, key: str, hostname: str, label_config: str) -> None:
        """Remember what /setup says of a project; where the database is away, the next one says it again."""
        with self._lock:
            self._hostnames[key] = hostname
        if not KEY.fullmatch(key):
            return
        try:
            with self._database.writing() as connection:
                known = projects.find(connection, key) or Project(key)
                if (known.hostname, known.label_config) != (hostname, label_config):
                    projects.see(connection, replace(known, hostname=hostname, label_config=label_config))
        except Unavailable as error:
            logger.warning("The project %s is remembered at its next /setup: %s", key, error)

    def hostname(self, key: str) -> str:
        """The address of a project's Label Studio; empty where it is not known.

        It may have been told to another replica, or before a restart, so the database is asked, too.
        """
        with self._lock:
            known = self._hostnames.get(key, "")
        if known or not KEY.fullmatch(key):
            return known
        with suppress(Unavailable), self._asides.reading() as connection:  # most pictures do not need it
            found = projects.find(connection, key)
            known = found.hostname if found is not None else ""
        with self._lock:
            return self._hostnames.setdefault(key, known) if known else ""

    def _progress(self, key: str) -> str:
        """What there is to learn from, for the answer and the log; empty where the database does not answer."""
        try:
            with self._database.reading() as connection:
                told = str(progress(connection, key))
        except Unavailable:  # the event is recorded, and learning begins all the same
            return ""
        logger.info("Project %s, Start Training: %s", key, told)
        return told

    def turned_away(self) -> None:
        """Count a request that came without the secret; of its body nothing is read."""
        self._count("", "unauthorised")

    def _keep(self, event: Event) -> str:
        """Store an event, or spool it where the database is away or others wait already; which of both it was."""
        if self._spool is None or event.action == START_TRAINING:  # "recorded" would promise what nobody does yet
            self.catch_up()
            self._store(event)
            return "recorded"
        self._database.check()
        if not len(self._spool):
            try:
                self._store(event)
                return "recorded"
            except FileGone:  # an operator has to act before anything is promised
                raise
            except Unavailable as error:
                self._complain(error)
        self._spool.put(event)
        if len(self._spool) == 1:  # the reader tries again by itself from here on
            self._wake()
        return "spooled"

    def catch_up(self) -> None:
        """Store what the spool holds, in order. Raises Unavailable; then what is left goes on waiting."""
        if self._spool is None:
            return
        with self._catching:
            taken = self._spool.drain(self._store)
        if taken:
            logger.info("%d events that had waited for the database are stored", taken)

    def _store(self, event: Event) -> None:
        waited = max(datetime.now(UTC) - event.received, timedelta(0))  # both by this machine's clock
        with self._database.writing() as connection:
            event = replace(event, received=now(connection) - waited)  # replicas compare by the database's
            if event.action != START_TRAINING:  # which is sent to the backend itself, with or without a webhook
                projects.note_webhook(connection, event.project, event.received)
            if event.action != TASKS_CREATED:  # which teaches nothing, but shows that the webhook is there
                annotation_rows.record(connection, event)
        self._wake()

    def _count(self, action: str, outcome: str) -> None:
        self._metrics.events.labels(action if action in ACTIONS else "other", outcome).inc()

    def _complain(self, error: Unavailable, lost: bool = False) -> None:
        if self._lines[lost].due:
            kept = "are lost, and `python -m backend sync` repairs that" if lost else "wait on the disk"
            logger.error("Events of the webhook %s: %s", kept, error)


def event_of(body: Body, received: datetime) -> Event | None:
    """The event as it goes into the inbox; None for an action that nothing is learned from.

    Raises ValueError or BadQuery for an event that lacks what it needs, or that is about another project.
    """
    document = body.document
    action = document.get("action")
    if not isinstance(action, str):
        raise ValueError("'action' is missing")
    if action not in ACTIONS:
        return None
    project = _project(document.get("project"))
    kept: dict[str, Any] = {"project": project}
    if action in SUBMITTED:
        kept |= _submitted(document, project["id"])
    if action in DELETED:
        kept["ids"] = [id_number(entry.get("id"), DELETED[action]) for entry in _entries(document, DELETED[action])]
    key = project_key(project["id"], moment(project["created_at"]))
    return Event(key, action, Body(kept, body.codes if action in SUBMITTED else ()).packed(), received)


def _project(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError("'project' is missing; switch on \"Send payload\" in the webhook's settings")
    config, title = given.get("label_config"), given.get("title")
    if not isinstance(config, str) or len(config) > LONGEST_CONFIG:
        raise ValueError("the project's 'label_config' has to be a text of at most a million characters")
    created = moment(given.get("created_at"))
    named = {"id": id_number(given.get("id"), "project"), "created_at": created.isoformat()}
    return {**named, "title": title[:LONGEST_TITLE] if isinstance(title, str) else "", "label_config": config}


def _submitted(document: Mapping[str, Any], project: int) -> dict[str, Any]:
    """The annotations of this project, and the data of their tasks by id; Label Studio sends one or a list of each."""
    tasks = {id_number(task.get("id"), "task"): task.get("data") for task in _own(document, "task", project)}
    kept = [
        {name: entry.get(name) for name in ANNOTATION_KEYS} | {"id": id_number(entry.get("id"), "annotation")}
        for entry in _own(document, "annotation", project)
        if id_number(entry.get("task"), "task") in tasks
    ]
    if not kept:
        raise ValueError(f"there is no annotation of a task of project {project} in it")
    return {"annotations": kept, "tasks": {str(number): data for number, data in tasks.items()}}


def _own(document: Mapping[str, Any], key: str, project: int) -> list[Mapping[str, Any]]:
    """The entries without those that say they belong to another project."""
    return [entry for entry in _entries(document, key) if str(entry.get("project", project)) == str(project)]


def _entries(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    given = document.get(key)
    entries: list[Any] = given if isinstance(given, list) else [given]
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise ValueError(f"{key!r} has to be an object or a list of objects")
    return entries

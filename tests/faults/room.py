"""A whole app with a database of its own, and a look into that database from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from backend.inference.model_loader import EngineProtocol
from backend.learning.lesson_codec import Learned, encode
from backend.server.app import close, create_app
from backend.settings import Settings
from backend.store import annotation_rows, revisions, runs
from backend.store.database import Database
from backend.store.revisions import Draft
from backend.store.runs import Judged
from backend.webhooks.corrections import Annotation
from tests.faults.studio import Event, Studio
from tests.faults.waiting import until

NOTHING = Draft("a test", {}, encode(Learned("", {})))


@dataclass(frozen=True, slots=True)
class Room:
    """An app, and a connection to its database that is not the app's; threads may share it."""

    app: Flask
    database: Database

    def tell(self, event: Event) -> TestResponse:
        """Send an event."""
        return self.app.test_client().post("/webhook", json=event)

    def ask(self, studio: Studio, task: Event) -> TestResponse:
        """Ask for a pre-annotation."""
        return self.app.test_client().post("/predict", json=studio.predict([task]))

    def version(self, studio: Studio) -> str:
        """The model version that /setup names."""
        return str(self.app.test_client().post("/setup", json=studio.setup()).get_json()["model_version"])

    def known(self, studio: Studio) -> dict[int, Annotation]:
        """The annotations of a project by id, once everything that was told is read."""
        until("the inbox is empty", self._read)
        with self.database.reading() as connection:
            return {each.id: each for each in annotation_rows.annotations(connection, studio.key)}

    def basis(self, studio: Studio) -> annotation_rows.Basis:
        """What there is to learn from, once everything that was told is read."""
        until("the inbox is empty", self._read)
        with self.database.reading() as connection:
            return annotation_rows.basis(connection, studio.key)

    def verdicts(self, studio: Studio) -> tuple[Judged, ...]:
        """What came of learning."""
        with self.database.reading() as connection:
            return runs.verdicts(connection, studio.key)

    def adopt(self, studio: Studio) -> int:
        """Put a revision in force that changes nothing but the version."""
        with self.database.writing() as connection:
            parent = revisions.number_in_force(connection, studio.key)
            return revisions.adopt(connection, studio.key, NOTHING, parent)

    def switch(self, studio: Studio, number: int) -> None:
        """Roll back or forth."""
        with self.database.writing() as connection:
            revisions.switch(connection, studio.key, number)

    def _read(self) -> bool:
        with self.database.reading() as connection:
            return not annotation_rows.pending(connection, 1)


@contextmanager
def room(url: str, engine: EngineProtocol, **settings: Any) -> Iterator[Room]:
    """Run an app on a database until the block ends."""
    looking, made = Database(url), create_app(Settings(database=url, **settings), load=lambda: engine)
    try:
        yield Room(made, looking)
    finally:
        close(made)
        looking.close()

"""A whole app with a database of its own, and a look into that database from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from flask import Flask
from werkzeug.test import TestResponse

from backend import app
from backend.app import create_app
from backend.corrections.values import Annotation
from backend.learning.codec import Learned, encode
from backend.loading import Engine
from backend.settings import Settings
from backend.store import facts, revisions, runs
from backend.store.database import Database
from backend.store.revisions import Draft
from backend.store.runs import Judged
from tests.faults.studio import Event, Studio
from tests.faults.waiting import until

CLOSED = ("Clerk", "Lane", "Learner", "Offering", "Database")  # in this order
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
            return {each.id: each for each in facts.annotations(connection, studio.key)}

    def basis(self, studio: Studio) -> facts.Basis:
        """What there is to learn from, once everything that was told is read."""
        until("the inbox is empty", self._read)
        with self.database.reading() as connection:
            return facts.basis(connection, studio.key)

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
            return not facts.pending(connection, 1)


@contextmanager
def room(url: str, engine: Engine, **settings: Any) -> Iterator[Room]:
    """Run an app on a database until the block ends."""
    looking = Database(url)
    with closing_what_is_made():
        yield Room(create_app(Settings(database=url, **settings), load=lambda: engine), looking)
    looking.close()


@contextmanager
def closing_what_is_made() -> Iterator[None]:
    """End the threads and connections of an app that is made in the block: an app has them for life."""
    made: dict[str, list[Any]] = {name: [] for name in CLOSED}

    def making(name: str) -> Callable[..., Any]:
        kind = getattr(app, name)

        def make(*arguments: Any, **options: Any) -> Any:
            made[name].append(kind(*arguments, **options))
            return made[name][-1]

        return make

    with ExitStack() as patches:
        for name in CLOSED:
            patches.enter_context(patch.object(app, name, making(name)))
        try:
            yield
        finally:
            for each in (each for name in CLOSED for each in made[name]):
                each.close()

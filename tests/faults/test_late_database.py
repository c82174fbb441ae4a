"""A database whose server starts after ours, as in a stack that comes up in the wrong order."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest
from flask.testing import FlaskClient

from backend.learning.worker import LearningWorker
from backend.page.journal import Journal
from backend.server.app import close, create_app
from backend.settings import Settings
from backend.store import annotation_rows, projects
from backend.store.database import Database
from model.errors import Misconfigured
from model.runtime.scheduler import Scheduler
from tests.backend import calls
from tests.backend.colour_engine import ColourEngine
from tests.backend.learning.classroom import nothing, school_of
from tests.faults.studio import Studio, task
from tests.faults.waiting import until
from tests.postgres import Owner, Postgres, missing, running

MASK = np.zeros((60, 80), np.bool_)
MASK[10:30, 20:50] = True
PICTURE = task(1, calls.data_uri(calls.picture()))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own, with a password, that may be away."""
    if reason := missing():
        pytest.skip(reason)
    with running(Owner("anyword", "right")) as server:
        yield server


@pytest.fixture
def url(server: Postgres) -> str:
    return server.make().replace("anyword@", "anyword:right@")


def test_predictions_begin_without_it_and_events_are_taken_when_it_is_there(
    server: Postgres, url: str, studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    with caplog.at_level(logging.WARNING):
        app = create_app(Settings(database=url, prefetch=0), load=ColourEngine)
    assert "was lost" in caplog.text
    assert "right" not in caplog.text, "the password"
    client = app.test_client()
    assert predicted(client, studio) > 0
    event = studio.annotated(1, PICTURE, {"red": [MASK]})
    assert client.post("/webhook", json=event).status_code == 200
    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'outcome="spooled"} 1.0' in metrics
    assert "anyword_revisions_unknown_total 0.0" not in metrics
    server.start()
    assert predicted(client, studio) > 0
    until("the event has left the disk", lambda: known(url, studio))
    close(app)


def predicted(client: FlaskClient, studio: Studio) -> int:
    """How many items a pre-annotation has."""
    answer = client.post("/predict", json=studio.predict([PICTURE]))
    assert answer.status_code == 200, answer.status
    return len(answer.get_json()["results"][0]["result"])


def known(url: str, studio: Studio) -> bool:
    """Whether annotation 1 is a fact, or waits in the inbox."""
    database = Database(url)
    with database.reading() as connection:
        found = bool(annotation_rows.annotations(connection, studio.key) or annotation_rows.pending(connection, 1))
    database.close()
    return found


def test_tables_that_are_there_are_looked_at_once_for_all_who_share_them(server: Postgres, url: str) -> None:
    server.stop()
    database = Database(url, later=True)
    brisk = database.hurried(0.5)
    server.start()
    until("it is found", lambda: answers(brisk))
    assert database._tables is brisk._tables
    assert database._tables._ready
    for each in (database, brisk):
        each.close()


def test_projects_are_read_again_once_it_is_there(server: Postgres, url: str, studio: Studio) -> None:
    first = Database(url)
    with first.writing() as connection:
        projects.see(connection, projects.Project(studio.key))
    first.close()
    server.stop()
    database, lane, read = Database(url, later=True), Scheduler(3), list[str]()
    learner = LearningWorker(school_of(database, nothing, lane), Journal(), 0, read.append)
    learner.start()
    server.start()

    def again() -> bool:
        learner.start_training("9.1")  # which wakes it: else it looks again after a minute
        return studio.key in read

    until("read again", again)
    learner.close()
    lane.close()
    database.close()
    assert read.count(studio.key) == 1


def answers(database: Database) -> bool:
    with database.reading() as connection:
        return annotation_rows.pending(connection, 1) == ()


@pytest.mark.parametrize(("right", "wrong"), [("anyword:right", "anyword:wrong"), ("/t", "/no_such_database")])
def test_who_is_refused_hears_of_it_at_once(url: str, right: str, wrong: str) -> None:
    with pytest.raises(Misconfigured, match="ANYWORD_DATABASE"):
        Database(url.replace(right, wrong), later=True)

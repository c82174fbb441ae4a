"""Start Training is not silent: what was learned, and what is missing, is in the answer, the log and the page."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from backend.learning.lesson_codec import Learned, encode
from backend.learning.progress import missing, progress
from backend.learning.run import LearningRun
from backend.server import app
from backend.store import annotation_rows, projects, revisions
from backend.store.database import Database
from backend.store.projects import Project
from backend.store.revisions import Draft
from backend.webhooks.corrections import Annotation, Correction
from model.coco_rle import pack
from model.errors import Unavailable
from model.runtime.scheduler import Scheduler
from model.types import Lesson
from tests.backend.clients import SETTINGS, opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.learning.classroom import ASKED, CONFIG, KEY, NOON, Told, annotated, nothing, school_of

TWO = CONFIG.replace('<Label value="Thing"/>', '<Label value="Circle"/><Label value="Square" alias="sq"/>')
TRAINING = {
    "action": "START_TRAINING",
    "project": {"id": 7, "created_at": datetime.fromtimestamp(1763650000, UTC).isoformat(), "label_config": TWO},
}


def left(database: Database, number: int, *labels: str | None, config: str = TWO, **more: Any) -> None:
    """Have an annotation made of a task, with a mask of each label."""
    mask = np.zeros((60, 80), np.bool_)
    mask[8:20, 10:30] = True
    corrections = tuple(Correction(f"r{number}-{at}", label, pack(mask)) for at, label in enumerate(labels))
    told = {"task": number, "user": "anna", "updated": NOON + timedelta(minutes=number), **more}
    with database.writing() as connection:
        projects.see(connection, Project(KEY, "", "A project", config))
        annotation_rows.keep(connection, KEY, Annotation(number, picture="/a.png", corrections=corrections, **told))


def lacking(database: Database) -> Mapping[str, int]:
    with database.reading() as connection:
        return missing(connection, KEY)


def told(database: Database) -> str:
    with database.reading() as connection:
        return str(progress(connection, KEY))


# What is missing


def test_each_label_needs_five_pictures(database: Database) -> None:
    for number in range(1, 5):
        left(database, number, "Circle", "Circle")
    left(database, 5, "sq")
    assert lacking(database) == {"Circle": 1, "sq": 4}
    assert "missing: Circle: 1 more corrected picture; sq: 4 more corrected pictures" in told(database)
    left(database, 6, "Circle")
    assert lacking(database) == {"sq": 4}


@pytest.mark.parametrize(
    "more",
    [{"cancelled": True}, {"complete": False}, {"task": 1}],
    ids=["skipped", "unreadable", "another annotation of a task"],
)
def test_what_teaches_nothing_new_does_not_count(database: Database, more: dict[str, Any]) -> None:
    left(database, 1, "Circle")
    left(database, 2, "Circle", **more)
    assert lacking(database)["Circle"] == 4


def test_the_last_word_of_an_annotator_counts(database: Database) -> None:
    left(database, 1, "Circle")
    left(database, 2, "sq", task=1)
    assert lacking(database) == {"Circle": 5, "sq": 4}
    left(database, 3, "Circle", task=1, user="ben")
    assert lacking(database) == {"Circle": 4, "sq": 4}


def test_labels_that_the_config_does_not_have_do_not_count(database: Database) -> None:
    left(database, 1, "Triangle", None)
    assert lacking(database) == {"Circle": 5, "sq": 5}


def test_a_mask_without_a_label_counts_for_the_only_one(database: Database) -> None:
    left(database, 1, None, config=CONFIG)
    assert lacking(database) == {"Thing": 4}


def test_it_says_what_is_learned_and_that_nothing_will_be(database: Database) -> None:
    assert told(database).startswith("nothing is learned yet; no annotation is submitted yet")
    for number in range(1, 6):
        left(database, number, "Circle", "sq")
    with database.writing() as connection:
        lessons = encode(Learned("", {"Circle": Lesson("first")}))
        revisions.adopt(connection, KEY, Draft("a test", {}, lessons), 0)
    assert told(database) == "revision 1 is in force (Circle); every label has enough corrected pictures"
    with database.writing() as connection:
        revisions.pin(connection, KEY, True)
    assert "pinned, so it learns nothing" in told(database)


# Where it stands


@pytest.fixture
def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Of an app whose learner learns nothing."""
    monkeypatch.setattr(app, "_learn", nothing)
    for number in range(1, 5):
        left(database, number, "Circle")
    settings = replace(SETTINGS, database=database.name)
    return opened(settings, load=ColourEngine).test_client()


def test_start_training_is_answered_and_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answer = client.post("/webhook", data=json.dumps(TRAINING)).get_json()
    said = "nothing is learned yet; missing: Circle: 1 more corrected picture; sq: 5 more corrected pictures"
    assert answer == {"status": "recorded", "message": said}
    assert f"Project {KEY}, Start Training: {said}" in caplog.messages


def test_the_page_tells_it_before_anything_was_tried(client: FlaskClient) -> None:
    page = client.get("/projects/7", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "Circle: 1 more corrected picture; sq: 5 more corrected pictures" in page


def test_an_answer_does_not_wait_for_a_database_that_is_busy(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.webhooks.receive.progress", unavailable)
    assert client.post("/webhook", data=json.dumps(TRAINING)).get_json() == {"status": "recorded"}


def unavailable(*_: object) -> str:
    raise Unavailable("The database is locked")


def taught(database: Database, learn: Any) -> str:
    lane = Scheduler(capacity=3)
    try:
        school: LearningRun = school_of(database, learn, lane)
        return school.teach(ASKED, "an owner")
    finally:
        lane.close()


def test_the_log_says_what_was_learned(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    annotated(database, 1, 2)
    figures = {"labels": {"Thing": {"adopted": True, "before": 0.18, "after": 0.79, "changes": ["asked as 'glorp'"]}}}
    assert taught(database, lambda *_: Told(lessons={"Thing": Lesson("one")}, figures=figures)) == "adopted"
    assert caplog.messages[-1] == (
        f"Project {KEY}: better on held-out pictures: Thing from 0.18 to 0.79; "
        "revision 1 is in force (Thing); missing: Thing: 3 more corrected pictures"
    )
    assert "glorp" not in "".join(line for line in caplog.messages)


def test_the_log_says_what_is_missing_where_nothing_is_learned(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    annotated(database, 1, 2, 3, 4)
    assert [taught(database, nothing) for _ in range(2)] == ["kept", "idle"]
    kept, idle = [line for line in caplog.messages if "missing" in line]
    said = "nothing is changed; nothing is learned yet; missing: Thing: 1 more corrected picture"
    assert kept == f"Project {KEY}: {said}"
    assert idle.startswith(f"Project {KEY}: nothing new to learn from")

"""What of a webhook's request goes into the inbox, and what is refused."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest

from backend.store import projects
from backend.store.annotation_rows import Event
from backend.store.connection.clock import now
from backend.store.database import Database
from backend.webhooks import body as body_module
from backend.webhooks import receive
from backend.webhooks import spool as spool_module
from backend.webhooks.receive import EventRecorder
from backend.webhooks.spool import Spool
from model.errors import Unavailable
from tests.backend.configs import recorded
from tests.backend.webhooks.told import KEY, annotation, brush, counted, event, inbox, metrics, project, square, task
from tests.clocks import ahead_by
from tests.postgres import Postgres

LOST = "Events of the webhook are lost, and `python -m backend sync` repairs that"
SECRET_WORDS = (b"t0ken", b"l0gin", b"passw0rd", b"a@b")
RECORDED = {
    "webhook-annotation-created-by-api": "recorded",
    "webhook-annotation-created-from-editor": "recorded",
    "webhook-annotation-updated": "recorded",
    "webhook-annotations-deleted": "recorded",
    "webhook-project-updated": "recorded",
    "webhook-start-training": "recorded",
    "webhook-start-training-basic-auth": "recorded",
    "webhook-tasks-created": "ignored",
    "webhook-tasks-deleted": "recorded",
    "webhook-without-auth-header": "ignored",
}


def recorder(database: Database) -> EventRecorder:
    return EventRecorder(database, metrics(), lambda: None)


@pytest.mark.parametrize(("name", "outcome"), RECORDED.items())
def test_every_recorded_event_is_taken(database: Database, name: str, outcome: str) -> None:
    body = recorded(name)
    assert recorder(database).take(json.dumps(body).encode()).outcome == outcome
    waiting = inbox(database)
    assert len(waiting) == (outcome == "recorded")
    for one in waiting:
        assert one.action == body["action"]
        assert one.project == {1: "1.1795168390", 2: "2.1795168621"}[body["project"]["id"]]


def test_a_project_has_the_key_of_setup(database: Database) -> None:
    recorder(database).take(json.dumps(recorded("webhook-annotation-updated")).encode())
    assert inbox(database)[0].project == recorded("setup")["project"]


@pytest.mark.parametrize(
    "raw",
    [
        event(),
        event("ANNOTATIONS_DELETED", annotations=[{"id": 1}]),
        event("TASKS_DELETED", tasks=[{"id": 1}]),
        event("PROJECT_UPDATED"),
        event("START_TRAINING"),
        event("TASKS_CREATED", tasks=[task()]),
    ],
)
def test_tokens_and_passwords_of_the_project_are_stored_nowhere(database: Database, tmp_path: Path, raw: bytes) -> None:
    recorder(database).take(raw)
    for one in inbox(database):
        assert set(body_module.unpacked(one.body).document) <= {"project", "annotations", "tasks", "ids"}
        assert not any(word in json.dumps(body_module.unpacked(one.body).document).encode() for word in SECRET_WORDS)
    database.close()
    assert not any(word in file.read_bytes() for file in tmp_path.iterdir() for word in SECRET_WORDS)


def test_bulk_creation_takes_each_annotation_with_its_own_task(database: Database) -> None:
    entries = [annotation(7, task=2), annotation(8, task=1)]
    recorder(database).take(event("ANNOTATIONS_CREATED", annotation=entries, task=[task(1), task(2)]))
    document = body_module.unpacked(inbox(database)[0].body).document
    assert [(entry["id"], entry["task"]) for entry in document["annotations"]] == [(7, 2), (8, 1)]
    assert document["tasks"] == {"1": {"image": "/data/1.png"}, "2": {"image": "/data/2.png"}}


def test_masks_come_back_as_they_came(database: Database) -> None:
    item = brush(square())
    recorder(database).take(event(annotation=annotation(5, item)))
    body = body_module.unpacked(inbox(database)[0].body)
    code = body.document["annotations"][0]["result"][0]["value"]["rle"]
    assert body_module.numbers(code, body) == item["value"]["rle"]


def test_large_bodies_are_kept_as_they_are(database: Database) -> None:
    numbers = [200] * 400_000
    recorder(database).take(event(annotation=annotation(5, {"value": {"rle": numbers}})))
    body = body_module.unpacked(inbox(database)[0].body)
    assert body_module.numbers(body.document["annotations"][0]["result"][0]["value"]["rle"], body) == numbers


CODES = st.lists(st.integers(0, 255))
OTHERS = st.text() | st.none() | st.lists(st.text()) | st.lists(st.floats(allow_nan=False)) | st.just({"rle": [1, 2]})


ITEMS = st.lists(st.fixed_dictionaries({"rle": CODES | OTHERS, "text": st.text() | st.just('"rle": [1]')}))


@given(ITEMS, st.booleans())
def test_any_body_is_read_as_json_reads_it(items: list[dict[str, Any]], spaced: bool) -> None:
    raw = json.dumps({"items": items}, indent=1 if spaced else None).encode()
    body = body_module.read(raw)
    again = body_module.unpacked(body.packed())
    assert again == body

    def whole(value: Any) -> Any:
        return body_module.numbers(value, body) if isinstance(value, int) else value

    restored = [{**item, "rle": _nested(item["rle"], whole)} for item in body.document["items"]]
    assert restored == json.loads(raw)["items"]


def _nested(value: Any, whole: Any) -> Any:
    return {"rle": whole(value["rle"])} if isinstance(value, dict) else whole(value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "Expecting value"),
        (b"[1]", "JSON object"),
        (b"\xff\xfe\x00", "codec"),
        (b'{"a":' + b"[" * 100_000, "nested"),
        (b'{"a":' * 50 + b'{"rle":[' * 20, "Expecting"),
        (json.dumps({"project": project()}).encode(), "'action'"),
        (event(project=None), "'project'"),
        (event(project=7), "'project'"),
        (event(project=project(id="x")), "project: the id"),
        (event(project=project(id=-1)), "project: the id"),
        (event(project=project(created_at="long ago")), "a time"),
        (event(project=project(created_at=None)), "a time"),
        (event(project=project(label_config=None)), "label_config"),
        (event(project=project(label_config="x" * 1_000_001)), "label_config"),
        (event(annotation=None), "'annotation'"),
        (event(annotation=[1]), "'annotation'"),
        (event(annotation=annotation(True)), "annotation: the id"),
        (event(annotation=annotation(2**64)), "annotation: the id"),
        (event(annotation=annotation(5, task=[1])), "task: the id"),
        (event(task="1"), "'task'"),
        (event(task=task(2)), "no annotation of a task of project 1"),
        (event(task=task(project=2)), "no annotation of a task of project 1"),
        (event(annotation=annotation(5, project=2)), "no annotation of a task of project 1"),
        (event("ANNOTATIONS_DELETED"), "'annotations'"),
        (event("TASKS_DELETED", tasks=[{}]), "tasks: the id"),
        (event("TASKS_DELETED", tasks=[{"id": "nine"}]), "tasks: the id"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(database: Database, raw: bytes, message: str) -> None:
    counts = metrics()
    with pytest.raises(BadRequest, match=message):
        EventRecorder(database, counts, lambda: None).take(raw)
    assert inbox(database) == ()


def test_ids_may_be_written_as_text(database: Database) -> None:
    told = event(annotation=annotation(5) | {"id": "5", "task": "1", "project": "1"}, project=project(id="1"))
    recorder(database).take(told)
    assert inbox(database)[0].project == KEY


@pytest.mark.parametrize("action", ["PROJECT_DELETED", "LABEL_LINK_CREATED", "whatever", ""])
def test_unknown_actions_are_ignored(database: Database, action: str) -> None:
    counts = metrics()
    assert EventRecorder(database, counts, lambda: None).take(event(action, project={"id": 1})).outcome == "ignored"
    assert counted(counts, "other", "ignored") == 1
    assert inbox(database) == ()


def test_events_are_noted_as_the_webhooks_but_start_training_is_not(database: Database) -> None:
    for action, noted in (("START_TRAINING", False), ("TASKS_CREATED", True)):
        recorder(database).take(event(action))
        with database.reading() as connection:
            found = projects.find(connection, KEY)
        assert bool(found and found.last_webhook) is noted
    assert found
    assert found.last_webhook
    assert abs((datetime.now(UTC) - found.last_webhook).total_seconds()) < 60


def test_a_database_that_is_locked_refuses_soon_and_complains_once(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = metrics()
    taking = EventRecorder(database, counts, lambda: None)
    lock = sqlite3.connect(tmp_path / "anyword.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    for _ in range(3):
        with pytest.raises(Unavailable):
            taking.take(event())
    lock.execute("ROLLBACK")
    lock.close()
    assert counted(counts, "ANNOTATION_CREATED", "lost") == 3
    assert [record.getMessage().count("backend sync") for record in caplog.records] == [1]
    assert taking.take(event()).outcome == "recorded"


def test_a_replica_whose_clock_is_wrong_dates_events_by_the_databases(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deletions are judged by that time, whichever replica heard of them."""
    url = postgres.make()
    opened = Database(url)
    with monkeypatch.context() as patch:
        patch.setattr(receive, "datetime", ahead_by(timedelta(hours=3)))
        recorder(opened).take(event("ANNOTATIONS_DELETED", annotations=[{"id": 1}]))
    with opened.reading() as connection:
        moment = now(connection)
    [one] = inbox(opened)
    assert abs(one.received - moment) < timedelta(hours=1)
    opened.close()
    postgres.drop(url)


def test_an_event_that_waited_keeps_its_time(database: Database, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    earlier = datetime.now(UTC) - timedelta(minutes=30)
    spool.put(Event(KEY, "PROJECT_UPDATED", b"", earlier))
    EventRecorder(database, metrics(), lambda: None, spool).catch_up()
    [one] = inbox(database)
    assert abs(one.received - earlier) < timedelta(minutes=10)


def test_a_file_that_was_deleted_takes_no_event_and_neither_does_the_spool(database: Database, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    taking = EventRecorder(database, metrics(), lambda: None, spool)
    (tmp_path / "anyword.db").unlink()
    with pytest.raises(Unavailable, match="was deleted or replaced"):
        taking.take(event())
    assert len(spool) == 0


def test_a_full_spool_is_logged_beside_the_outage(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool_module, "MOST_EVENTS", 1)
    counts = metrics()
    taking = EventRecorder(database, counts, lambda: None, Spool(tmp_path / "spool"))
    lock = sqlite3.connect(tmp_path / "anyword.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert taking.take(event()).outcome == "recorded"
    for _ in range(3):
        with pytest.raises(Unavailable, match="is full"):
            taking.take(event())
    lock.execute("ROLLBACK")
    lock.close()
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["Events of the webhook wait on the disk", LOST]
    assert counts.events.labels("ANNOTATION_CREATED", "lost")._value.get() == 3
    taking.catch_up()
    assert len(inbox(database)) == 1

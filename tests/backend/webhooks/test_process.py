"""Events become facts: whatever their order, once, and one bad event costs that event alone."""

import itertools
import json
import logging
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.observability.metrics import Metrics
from backend.store import annotation_rows, projects
from backend.store.annotation_rows import Event
from backend.store.database import Database
from backend.webhooks.process import EventProcessor
from backend.webhooks.receive import EventRecorder
from model.errors import Unavailable
from tests.backend.configs import recorded
from tests.backend.webhooks.told import (
    BITMASK,
    KEY,
    annotation,
    brush,
    counted,
    event,
    inbox,
    known,
    metrics,
    square,
    task,
)
from tests.backend.webhooks.told import project as described

LATER = "2026-11-20T10:30:00Z"
SKIPPED = {"result": None, "was_cancelled": True, "updated_at": LATER}


def clerk(database: Database, counts: Metrics | None = None) -> EventProcessor:
    return EventProcessor(database, counts or metrics(), lambda _: None)


def told(database: Database, *events: bytes) -> None:
    """Record events and have all of them read."""
    taking, reading = EventRecorder(database, metrics(), lambda: None), clerk(database)
    for one in events:
        taking.take(one)
    while reading.work_once():
        pass


def updated(minute: int, *left: int) -> bytes:
    """The annotation with squares there, saved in that minute."""
    items = [brush(square(at), f"r{at}") for at in left]
    return event(annotation=annotation(5, *items, updated_at=f"2026-11-20T10:{minute:02}:00Z"))


def test_an_event_becomes_a_fact_and_leaves_the_inbox(database: Database) -> None:
    told(database, event())
    [found] = known(database)
    assert (found.id, found.task, [one.label for one in found.corrections]) == (5, 1, ["Thing"])
    assert inbox(database) == ()


def test_all_recorded_events_in_the_order_of_the_session(database: Database) -> None:
    names = ("created-by-api", "updated", "created-from-editor")
    told(database, *(json.dumps(recorded(f"webhook-annotation-{name}")).encode() for name in names))
    assert [(one.id, one.texts, one.complete) for one in known(database)] == [(1, (), True), (5, (), False)]
    told(database, json.dumps(recorded("webhook-annotations-deleted")).encode())
    assert [one.id for one in known(database)] == [5]
    told(database, json.dumps(recorded("webhook-project-updated")).encode())
    with database.reading() as connection:
        found = projects.find(connection, KEY)
    assert found
    assert found.label_config == recorded("webhook-project-updated")["project"]["label_config"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_last_update_holds_in_any_order_and_twice(database: Database, order: tuple[int, ...]) -> None:
    saves = [updated(1, 0), updated(2, 0, 30), updated(3, 50)]
    told(database, *(saves[at] for at in order), saves[order[0]])
    [found] = known(database)
    assert [one.region for one in found.corrections] == ["r50"]


def test_a_deletion_holds_whenever_it_comes(database: Database) -> None:
    gone = event("ANNOTATIONS_DELETED", annotations=[{"id": 5}])
    told(database, gone, updated(1, 0))
    assert known(database) == ()
    told(database, updated(2, 0))
    assert known(database) == ()


def test_a_deleted_task_takes_its_annotations_along(database: Database) -> None:
    told(database, event(), event("TASKS_DELETED", tasks=[{"id": 1}]), event())
    assert known(database) == ()


def test_bulk_creation_gives_each_its_picture(database: Database) -> None:
    entries = [annotation(7, brush(square()), task=2), annotation(8, task=1)]
    told(database, event("ANNOTATIONS_CREATED", annotation=entries, task=[task(1), task(2)]))
    assert [(one.id, one.picture, len(one.corrections)) for one in known(database)] == [
        (7, "/data/2.png", 1),
        (8, "/data/1.png", 0),
    ]


def test_a_skip_is_kept_as_one(database: Database) -> None:
    told(database, event(annotation=annotation(5, was_cancelled=True)))
    assert known(database)[0].cancelled


def test_a_truncated_mask_and_a_bad_annotation_cost_themselves_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    torn = brush(square(), "torn")
    torn["value"]["rle"] = torn["value"]["rle"][:-6]
    entries = [annotation(5, torn, brush(square(), "whole")), annotation(6, updated_at="never")]
    told(database, event("ANNOTATIONS_CREATED", annotation=entries, task=[task()]))
    [found] = known(database)
    assert ([one.region for one in found.corrections], found.complete) == (["whole"], False)
    assert "annotation 5, region torn: mask: the run-length data are cut short" in caplog.text
    assert "annotation 6 is left out" in caplog.text


@pytest.mark.parametrize("result", [None, "[]", {}, 7])
def test_an_annotation_without_a_list_of_items_is_no_empty_one(
    database: Database, caplog: pytest.LogCaptureFixture, result: object
) -> None:
    told(database, event(annotation=annotation(5, result=result)))
    assert known(database) == ()
    assert "annotation 5 is left out: the annotation has no result, so nothing is learned from it" in caplog.text


def test_what_was_known_stays_where_an_update_brings_no_result(database: Database) -> None:
    told(database, event(), event("ANNOTATION_UPDATED", annotation=annotation(5, result=None, updated_at=LATER)))
    assert [len(one.corrections) for one in known(database)] == [1]


def test_an_empty_submission_still_says_that_there_is_nothing(database: Database) -> None:
    told(database, event(annotation=annotation(5)))
    assert [(len(one.corrections), one.complete) for one in known(database)] == [(0, True)]


def test_a_skip_needs_no_result(database: Database) -> None:
    told(database, event(), event("ANNOTATION_UPDATED", annotation=annotation(5, **SKIPPED)))
    assert [one.cancelled for one in known(database)] == [True]


def test_items_that_are_none_make_an_annotation_incomplete(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    told(database, event(annotation=annotation(5, result=[None, brush(square()), "text"])))
    assert [(len(one.corrections), one.complete) for one in known(database)] == [(1, False)]
    assert "annotation 5, 2 of its items are no objects" in caplog.text


def test_a_picture_that_is_gone_changes_nothing_here(database: Database) -> None:
    told(database, event(task=task(data={"image": "http://127.0.0.1:9/gone.png"})))
    assert known(database)[0].picture == "http://127.0.0.1:9/gone.png"


def test_an_event_that_cannot_be_read_costs_that_event_alone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    counts = metrics()
    now = datetime.now(UTC)
    with database.writing() as connection:
        for body in (b"\x78broken", b"{}", b'{"project":{"title":"","label_config":"<View/>"}}'):
            annotation_rows.record(connection, Event(KEY, "ANNOTATION_CREATED", body, now))
    EventRecorder(database, counts, lambda: None).take(event())
    reading = clerk(database, counts)
    while reading.work_once():
        pass
    assert [one.id for one in known(database)] == [5]
    assert counted(counts, "ANNOTATION_CREATED", "unreadable") == 3
    assert counted(counts, "ANNOTATION_CREATED", "read") == 1
    messages = [record.getMessage() for record in caplog.records if record.name == "backend.webhooks.process"]
    assert [message.split(" (")[0] for message in messages] == ["Event 1", "Event 2", "Event 3"]
    assert messages[2].endswith("Labeling config needs <Brush> or <Bitmask> on an <Image>")


def test_an_event_refreshes_what_is_known_of_its_project_but_not_the_server(database: Database) -> None:
    with database.writing() as connection:
        projects.see(connection, projects.Project(KEY, "http://studio", "Old", BITMASK))
    told(database, event("PROJECT_UPDATED", project=described(title="New")))
    with database.reading() as connection:
        found = projects.find(connection, KEY)
    assert found
    assert (found.hostname, found.title, found.label_config != BITMASK) == ("http://studio", "New", True)


def test_projects_share_nothing(database: Database) -> None:
    other = described(id=2)
    told(database, event(), event(project=other, task=task(project=2), annotation=annotation(5, project=2)))
    told(database, event("ANNOTATIONS_DELETED", annotations=[{"id": 5}]))
    assert known(database) == ()
    assert [one.id for one in known(database, KEY.replace("1.", "2.", 1))] == [5]


def test_start_training_is_told_after_what_came_before_it(database: Database) -> None:
    seen: list[tuple[str, int]] = []
    reading = EventProcessor(database, metrics(), lambda key: seen.append((key, len(known(database)))))
    for one in (event(), event("START_TRAINING")):
        EventRecorder(database, metrics(), lambda: None).take(one)
    while reading.work_once():
        pass
    assert seen == [(KEY, 1)]
    assert inbox(database) == ()


def test_an_event_stays_while_the_database_cannot_be_written(database: Database, tmp_path: Path) -> None:
    EventRecorder(database, metrics(), lambda: None).take(event())
    lock = sqlite3.connect(tmp_path / "anyword.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        clerk(database).work_once()
    lock.execute("ROLLBACK")
    lock.close()
    assert len(inbox(database)) == 1
    clerk(database).work_once()
    assert len(known(database)) == 1


def test_the_thread_reads_what_was_left_over_and_what_comes(database: Database) -> None:
    heard = threading.Semaphore(0)
    reading = EventProcessor(database, metrics(), lambda _: heard.release())
    taking = EventRecorder(database, metrics(), reading.wake)
    taking.take(event("START_TRAINING"))
    reading.start()
    assert heard.acquire(timeout=60)
    taking.take(event("START_TRAINING"))
    assert heard.acquire(timeout=60)
    reading.close()
    assert inbox(database) == ()


def test_the_thread_outlives_a_database_that_is_away(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = threading.Event()
    reading = EventProcessor(database, metrics(), lambda _: heard.set())
    EventRecorder(database, metrics(), lambda: None).take(event())
    lock = sqlite3.connect(tmp_path / "anyword.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    waited = threading.Event()
    logger = logging.getLogger("backend.webhooks.process")
    monkeypatch.setattr(logger, "warning", lambda *_: waited.set())
    reading.start()
    assert waited.wait(60)
    lock.execute("ROLLBACK")
    lock.close()
    EventRecorder(database, metrics(), reading.wake).take(event("START_TRAINING"))
    assert heard.wait(60)
    reading.close()
    assert len(known(database)) == 1

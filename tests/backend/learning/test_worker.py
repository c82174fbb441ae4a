import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from backend.learning.lesson_codec import decode
from backend.learning.run import LearningRun
from backend.learning.triggers import LearningTrigger, occasions
from backend.learning.worker import ASKED, LearningWorker
from backend.page.journal import Journal
from backend.store import annotation_rows, projects, revisions, runs
from backend.store.database import Database
from backend.store.projects import Project
from backend.store.revisions import StaleParent
from model.errors import Unavailable
from model.runtime.scheduler import Priority, Scheduler
from model.types import Image
from tests.backend import calls
from tests.backend.learning.classroom import ASKED as OCCASION
from tests.backend.learning.classroom import KEY, STEPS, Told, annotated, by_steps, nothing, school_of


@pytest.fixture
def lane() -> Iterator[Scheduler]:
    lane = Scheduler(capacity=3)
    yield lane
    lane.close()


def history(database: Database) -> list[tuple[int, str]]:
    with database.reading() as connection:
        return [(each.number, each.cause) for each in revisions.history(connection, KEY)]


def reasons(database: Database) -> list[str]:
    with database.reading() as connection:
        return [each.verdict.reason for each in runs.verdicts(connection, KEY)]


def due(database: Database, every: int) -> list[str]:
    with database.reading() as connection:
        return [each.cause for each in occasions(connection, every, 60.0)]


def count(school: LearningRun, outcome: str) -> float:
    return float(school.metrics.learning.labels(outcome)._value.get())


def test_what_is_learned_comes_into_force_once(database: Database, lane: Scheduler) -> None:
    annotated(database, 1, 2)
    school = school_of(database, by_steps, lane)
    assert [school.teach(OCCASION, owner) for owner in ("a", "b")] == ["adopted", "idle"]
    with database.reading() as connection:
        revision = revisions.in_force(connection, KEY)
        assert runs.current(connection, KEY) is None
    assert revision is not None
    learned = decode(revision.lessons)
    assert (revision.number, revision.cause, learned.models) == (1, "a test", "the test's models")
    assert learned.lessons["Thing"].phrases == tuple(str(number) for number in range(STEPS))


def test_new_annotations_are_learned_on_top(database: Database, lane: Scheduler) -> None:
    school = school_of(database, by_steps, lane)
    for number in (1, 2):
        annotated(database, number)
        assert school.teach(OCCASION, "a") == "adopted"
    assert [number for number, _ in history(database)] == [1, 2]


def test_a_changed_labelling_config_is_judged_anew(database: Database, lane: Scheduler) -> None:
    annotated(database, 1)
    school = school_of(database, nothing, lane)
    assert school.teach(OCCASION, "a") == "kept"
    with database.writing() as connection:
        projects.see(connection, Project(KEY, "", "A project", calls.BITMASK))
    assert [school.teach(OCCASION, "a") for _ in range(2)] == ["kept", "idle"]
    assert (history(database), reasons(database)) == ([], ["no better", "no better"])


def test_a_project_without_annotations_has_nothing_to_learn_from(database: Database, lane: Scheduler) -> None:
    assert school_of(database, by_steps, lane).teach(OCCASION, "a") == "idle"


def test_a_pinned_project_learns_nothing(database: Database, lane: Scheduler, caplog: pytest.LogCaptureFixture) -> None:
    annotated(database, 1)
    with database.writing() as connection:
        revisions.pin(connection, KEY, True)
    assert due(database, 1) == []
    assert school_of(database, by_steps, lane).teach(OCCASION, "a") == "idle"
    assert "is pinned" in caplog.text


def test_a_revision_that_came_into_force_meanwhile_stays(database: Database, lane: Scheduler) -> None:
    annotated(database, 1)
    school_of(database, by_steps, lane).teach(OCCASION, "a")
    annotated(database, 2)

    def overtaken(*_: Any) -> Any:
        with database.writing() as connection:
            revisions.switch(connection, KEY, 0)
        return Told()

    with pytest.raises(StaleParent):
        school_of(database, overtaken, lane).teach(OCCASION, "a")
    with database.reading() as connection:
        assert revisions.number_in_force(connection, KEY) == 0
    assert len(history(database)) == len(reasons(database)) == 1
    assert school_of(database, by_steps, lane).teach(OCCASION, "a") == "adopted"


def test_what_fails_is_told_and_goes_on_from_the_saved_steps(database: Database, lane: Scheduler) -> None:
    annotated(database, 1)
    journal, done = Journal(), list[int]()

    def work(number: int) -> None:
        if number == 5 and done.count(5) == 0:
            done.append(number)
            raise RuntimeError("a bug")
        done.append(number)

    school = school_of(database, partial(by_steps, work=work), lane)
    learner = LearningWorker(school, journal, every=1)
    for _ in range(2):  # the second time it rests
        learner.work_once()
    assert (count(school, "failed"), len(journal.failures)) == (1, 1)
    with database.reading() as connection:
        run = runs.current(connection, KEY)
    assert run is not None
    assert run.doing == "stopped (RuntimeError) when it said: step 4: done"
    learner.start_training(KEY)
    learner.work_once()
    assert done == [0, 1, 2, 3, 4, 5, 5, 6, 7]
    assert history(database) == [(1, ASKED)]


def test_a_database_that_is_away_is_no_failure_of_the_project(
    database: Database, lane: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    annotated(database, 1)
    journal, away = Journal(), [True]

    def work(number: int) -> None:
        if away and number == 2:
            raise Unavailable("The database was lost")

    school = school_of(database, partial(by_steps, work=work), lane)
    learner = LearningWorker(school, journal, every=1)
    for _ in range(3):
        learner.work_once()
    assert (count(school, "failed"), len(journal.failures)) == (0, 0)
    assert count(school, "interrupted") == 3, "each round once, though the project is due and asked for"
    assert [record.getMessage() for record in caplog.records if "waits for the database" in record.getMessage()] == [
        "Learning waits for the database: The database was lost"
    ]
    away.clear()
    learner.work_once()
    assert history(database) == [(1, "1 new annotations")]


def test_an_outage_that_outlasts_the_lease_is_no_failure_either(
    database: Database, lane: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotated(database, 1)
    lost = threading.Event()

    def beat(*_: object) -> None:
        raise Unavailable("The database was lost")

    def work(number: int) -> None:
        if number == 2 and not lost.is_set():
            next(each for each in threading.enumerate() if each.name == "lease").join(20)
            lost.set()

    school, journal = school_of(database, partial(by_steps, work=work), lane, lease=0.05), Journal()
    learner = LearningWorker(school, journal, every=1)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "beat", beat)
        learner.work_once()
    assert lost.is_set()
    assert (count(school, "interrupted"), count(school, "overtaken"), len(journal.failures)) == (1, 0, 0)
    learner.work_once()
    assert history(database) == [(1, "1 new annotations")]


def test_occasions_are_enough_new_annotations(database: Database, lane: Scheduler) -> None:
    annotated(database, 1, 2)
    assert (due(database, 3), due(database, 2), due(database, 0)) == ([], ["2 new annotations"], [])
    school_of(database, nothing, lane).teach(OCCASION, "a")
    annotated(database, 3)
    assert (due(database, 2), due(database, 1)) == ([], ["1 new annotations"])


def test_a_run_that_nobody_goes_on_with_is_an_occasion(database: Database) -> None:
    annotated(database, 1)
    with database.writing() as connection:
        basis = annotation_rows.basis(connection, KEY)
        runs.claim(connection, KEY, basis, "a", lease_seconds=60)
    assert due(database, 0) == []
    with database.writing() as connection:
        runs.claim(connection, KEY, basis, "a", lease_seconds=-1)
    assert due(database, 0) == ["a run was interrupted"]


def test_start_training_reads_the_project_again_first(database: Database, lane: Scheduler) -> None:
    asked: list[str] = []

    def sync(key: str) -> str:
        asked.append(key)
        annotated(database, 1)
        return "read"

    learner = LearningWorker(school_of(database, by_steps, lane), Journal(), every=0, sync=sync)
    learner.start_training(KEY)
    learner.start_training(KEY)
    learner.work_once()
    assert asked == [KEY]
    assert history(database) == [(1, ASKED)]


def test_a_sync_that_fails_leaves_what_is_known(database: Database, lane: Scheduler) -> None:
    annotated(database, 1)
    journal = Journal()

    def sync(_: str) -> None:
        raise RuntimeError("no network")

    learner = LearningWorker(school_of(database, by_steps, lane), journal, every=0, sync=sync)
    learner.start_training(KEY)
    learner.work_once()
    assert len(journal.failures) == 1
    assert history(database) == [(1, ASKED)]


def test_the_thread_learns_when_it_is_asked_to_and_ends(database: Database, lane: Scheduler) -> None:
    annotated(database, 1)
    learned = threading.Event()

    def learn(*given: Any) -> Any:
        learned.set()
        return nothing(*given)

    learner = LearningWorker(school_of(database, learn, lane), Journal(), every=0)
    learner.start()
    learner.start_training(KEY)
    assert learned.wait(60)
    learner.close()
    assert reasons(database) == ["no better"]


def test_a_click_is_answered_while_learning_waits_for_a_picture(
    database: Database, lane: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotated(database, 1)
    asked, come = threading.Event(), threading.Event()

    def learn(_engine: object, curriculum: Any, *_: Any) -> Any:
        assert curriculum.examples[0].image().shape == (60, 80, 3)
        return Told(adopted=False)

    school = school_of(database, learn, lane)

    def load(*_: Any, **__: Any) -> Image:
        asked.set()
        assert come.wait(60)
        return calls.picture()

    monkeypatch.setattr(school.images, "load", load)
    teaching = threading.Thread(target=school.teach, args=(LearningTrigger(KEY, "a test"), "a"))
    teaching.start()
    assert asked.wait(60)
    assert lane.run(lambda: "clicked", Priority.INTERACTIVE) == "clicked"
    come.set()
    teaching.join(60)
    assert reasons(database) == ["better on held-out pictures"]

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from backend.inference.active_revision import ActiveRevisions
from backend.inference.model_version import VersionNaming
from backend.learning.lesson_codec import Learned, encode
from backend.page.journal import Journal
from backend.store import revisions
from backend.store.database import Database
from backend.store.revisions import Draft
from model.types import Lesson
from tests.backend.learning.classroom import KEY

MODELS = "Diffusion model: embedded"


def taught_by(database: Database, journal: Journal | None = None, models: str = MODELS) -> ActiveRevisions:
    failures = Counter("unknown", "Unknown", registry=CollectorRegistry())
    return ActiveRevisions(database, VersionNaming("base", models), failures, journal or Journal())


def adopt(database: Database, lesson: Lesson, key: str = KEY) -> int:
    draft = Draft("a test", {}, encode(Learned(MODELS, {"star": lesson})))
    with database.writing() as connection:
        return revisions.adopt(connection, key, draft, revisions.number_in_force(connection, key))


def switch(database: Database, number: int) -> None:
    with database.writing() as connection:
        revisions.switch(connection, KEY, number)


@pytest.fixture
def brisk(tmp_path: Path, database: Database) -> Iterator[Database]:  # noqa: ARG001  (made first)
    opened = Database(f"sqlite:///{tmp_path}/anyword.db", patience=0.05)
    yield opened
    opened.close()


def test_nothing_learned_is_the_base_version(database: Database) -> None:
    found = taught_by(database).in_force(KEY)
    assert (found.version, found.lessons) == ("base", {})


def test_an_adoption_and_a_rollback_count_on_the_next_request_of_every_process(url: str) -> None:
    database, other = Database(url), Database(url)
    here, there = taught_by(database), taught_by(other)
    assert here.version(KEY) == there.version(KEY) == "base"
    adopt(database, Lesson("first"))
    assert here.version(KEY) == there.version(KEY) == "base-r1"
    adopt(other, Lesson("second"))
    assert [each.in_force(KEY).lessons["star"].key for each in (here, there)] == ["second", "second"]
    switch(database, 1)
    assert there.in_force(KEY).lessons["star"].key == "first"
    switch(other, 0)
    assert (here.version(KEY), here.in_force(KEY).lessons) == ("base", {})
    database.close()
    other.close()


def test_projects_share_nothing(database: Database) -> None:
    teaching = taught_by(database)
    adopt(database, Lesson("first"))
    assert teaching.version("8.1763650000") == "base"
    assert teaching.version("7.1763650001") == "base"


def test_without_the_database_the_last_known_revision_goes_on(tmp_path: Path, brisk: Database) -> None:
    journal = Journal()
    adopt(brisk, Lesson("first"))
    teaching = taught_by(brisk, journal)
    assert teaching.version(KEY) == "base-r1"
    brisk.close()
    file = tmp_path / "anyword.db"
    file.rename(tmp_path / "away.db")
    for rest in ("anyword.db-wal", "anyword.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    file.mkdir()
    assert teaching.in_force(KEY).lessons["star"].key == "first"
    assert teaching.version("9.1763650000") == "base"
    assert len(journal.failures) == 1


def test_damaged_lessons_are_told_and_the_last_readable_ones_go_on(tmp_path: Path, database: Database) -> None:
    journal = Journal()
    teaching = taught_by(database, journal)
    adopt(database, Lesson("first"))
    assert teaching.version(KEY) == "base-r1"
    adopt(database, Lesson("second"))
    with sqlite3.connect(tmp_path / "anyword.db") as file:
        file.execute("UPDATE anyword_revisions SET lessons = x'00' WHERE number = 2")
    file.close()
    assert teaching.version(KEY) == "base-r1"
    assert "roll back" in journal.failures[0].message


def test_lessons_of_other_models_are_not_used(database: Database) -> None:
    adopt(database, Lesson("first"))
    found = taught_by(database, models="Diffusion model: another").in_force(KEY)
    assert (found.version, found.lessons) == ("base-r1", {})

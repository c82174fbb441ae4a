"""Opening a SQLite file that nobody made yet, while others do so or lock it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.store.database import Database
from model.errors import Misconfigured

ROOT = Path(__file__).parents[3]
READER = ("BEGIN", "PRAGMA user_version")
WRITER = ("BEGIN IMMEDIATE",)  # also what others see of whoever is about to change the journal's mode
ALONE = ("BEGIN EXCLUSIVE",)
MOMENT = 0.3  # seconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "anyword.db"


@pytest.fixture
def other(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else who uses the file, from any thread."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def lock(other: sqlite3.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        other.execute(statement).fetchall()


def mode(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.db" for number in range(40)]
    command = [sys.executable, "-m", "tests.backend.store.opener", "8", *(f"sqlite:///{file}" for file in files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert {mode(file) for file in files} == {"wal"}


@pytest.mark.parametrize("statements", [READER, WRITER, ALONE], ids=["reader", "writer", "alone"])
def test_who_locks_a_new_file_for_a_moment_is_waited_for(
    file: Path, other: sqlite3.Connection, statements: tuple[str, ...]
) -> None:
    lock(other, statements)
    opened: list[Database] = []
    thread = threading.Thread(target=lambda: opened.append(Database(f"sqlite:///{file}", patience=30)))
    thread.start()
    thread.join(MOMENT)
    assert thread.is_alive(), "it waits, and was not refused"
    other.execute("COMMIT")
    thread.join()
    opened[0].close()
    assert mode(file) == "wal"


@pytest.mark.parametrize("statements", [READER, WRITER, ALONE], ids=["reader", "writer", "alone"])
def test_who_locks_a_new_file_for_long_is_waited_for_and_then_told_of(
    file: Path, other: sqlite3.Connection, statements: tuple[str, ...]
) -> None:
    """As long as its own patience says: another, with more of it, waits on."""
    lock(other, statements)
    patient = threading.Thread(target=lambda: Database(f"sqlite:///{file}", patience=600).close())
    patient.start()
    start = time.monotonic()
    with pytest.raises(Misconfigured, match="is locked by somebody else for too long"):
        Database(f"sqlite:///{file}", patience=MOMENT)
    assert time.monotonic() - start >= MOMENT
    assert patient.is_alive()
    other.execute("COMMIT")
    patient.join()


def test_a_file_of_the_older_journal_gets_the_newer_one(file: Path, other: sqlite3.Connection) -> None:
    other.execute("CREATE TABLE theirs (id INTEGER)")
    Database(f"sqlite:///{file}").close()
    assert mode(file) == "wal"
    other.execute("INSERT INTO theirs VALUES (1)")  # nothing locks it any more

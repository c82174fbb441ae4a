"""A process that is killed at any moment leaves a database that is whole, and another goes on from there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.store import annotation_rows, revisions, runs
from backend.store.database import Database
from tests.backend.store.writer import KEY, lessons

ROOT = Path(__file__).parents[3]
LATEST = 0.03  # seconds after an adoption; some ten transactions


@pytest.fixture
def writer(url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.backend.store.writer", url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.communicate()


@pytest.mark.parametrize("kills", [5, 50])
def test_nothing_is_half_written_by_whoever_was_killed(url: str, writer: subprocess.Popen[str], kills: int) -> None:
    chance = random.Random(kills)
    promised, database = 0, Database(url)
    for _ in range(kills):
        promised = max(promised, _killed_at_some_moment(writer, chance))
        _check(database, promised)
    database.close()
    assert promised >= kills


def _killed_at_some_moment(writer: subprocess.Popen[str], chance: random.Random) -> int:
    """Let a child adopt something, then kill it; the last number that it adopted, as far as it could tell."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write("work\n")
    writer.stdin.flush()
    child = int(writer.stdout.readline())
    number = int(writer.stdout.readline())
    time.sleep(chance.uniform(0, LATEST))
    os.kill(child, signal.SIGKILL)
    while (line := writer.stdout.readline()) != "dead\n":
        number = int(line)
    return number


def _check(database: Database, promised: int) -> None:
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        known = revisions.history(connection, KEY)
        in_force = revisions.number_in_force(connection, KEY)
        judged = runs.verdicts(connection, KEY)
        stepping = connection.scalars(text("SELECT run FROM anyword_steps")).all()
        current = runs.current(connection, KEY)
        assert all(len(found.corrections) == 3 for found in annotation_rows.annotations(connection, KEY))
    assert in_force >= promised
    assert [one.number for one in known] == list(range(1, in_force + 1))
    assert all(one.lessons == lessons(one.number) and one.figures == {"own": one.number} for one in known)
    assert [one.verdict.revision for one in judged] == list(range(1, in_force + 1))
    assert stepping in ([], [current.id if current else None])

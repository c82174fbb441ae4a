"""Learners that are killed at any step, and learners that share a database."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from backend.learning.lesson_codec import decode
from backend.store import annotation_rows, revisions, runs
from backend.store.database import Database
from tests.backend.learning.classroom import KEY, STEPS

ROOT = Path(__file__).parents[3]
KILLS, PAIRS = 50, 5


def raised(url: str, what: str, times: int) -> None:
    command = [sys.executable, "-m", "tests.backend.learning.kill_worker", url, what, str(times)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")


def check(url: str) -> int:
    """Each annotation was learned from once, in order, as a whole; how many there were."""
    database = Database(url)
    with database.reading() as connection:
        history, verdicts = revisions.history(connection, KEY), runs.verdicts(connection, KEY)
        annotations = annotation_rows.basis(connection, KEY).count
        assert runs.current(connection, KEY) is None
        assert connection.scalar(text("SELECT count(*) FROM anyword_steps")) == 0
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    database.close()
    numbers = list(range(1, annotations + 1))
    assert [each.number for each in history] == [each.verdict.revision for each in verdicts] == numbers
    assert [each.parent for each in history] == [number - 1 for number in numbers]
    assert [each.basis.count for each in verdicts] == numbers
    learned = [decode(each.lessons).lessons["Thing"] for each in history]
    assert {each.phrases for each in learned} == {tuple(str(number) for number in range(STEPS))}
    assert [each.key for each in learned] == [str(number) for number in numbers]
    return annotations


def test_a_learner_that_is_killed_fifty_times_learns_everything_once(url: str) -> None:
    raised(url, "kills", KILLS)
    assert check(url) > 1


def test_two_learners_on_one_database_learn_everything_once(url: str) -> None:
    raised(url, "pairs", PAIRS)
    assert check(url) == PAIRS

"""A server that is killed at any moment of learning: nothing by halves, nothing twice, and predictions go on."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import Counter

from backend.inference.active_revision import ActiveRevisions
from backend.inference.model_version import VersionNaming
from backend.learning.lesson_codec import decode
from backend.page.journal import Journal
from backend.server.child_process import ROOT
from backend.store import annotation_rows, projects, revisions, runs
from backend.store.database import Database
from backend.webhooks.corrections import Annotation, Correction
from model.coco_rle import pack
from tests.faults.lessons import STEPS
from tests.faults.studio import CREATED, Studio

KILLS = 50
LATEST = 60  # statements and ends of transactions that a life has at most; a whole run has about as many


@dataclass(frozen=True, slots=True)
class Nursery:
    """Where children learn and are killed; `log` holds what they noted of their steps."""

    process: subprocess.Popen[str]
    log: Path

    def life(self, moment: int) -> str:
        """Let one child live until this moment: "killed", or "done" where it finished before."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{moment}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def notes(self) -> list[list[str]]:
        """Run, step, and "taken", "known" or "saved", in the order in which they came."""
        return [line.split(",") for line in self.log.read_text().splitlines()]


@pytest.fixture
def nursery(url: str, studio: Studio, tmp_path: Path) -> Iterator[Nursery]:
    log = tmp_path / "steps.log"
    command = [sys.executable, "-m", "tests.faults.kill_worker", url, studio.key, str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Nursery(process, log)
        process.communicate()


def test_a_server_is_killed_while_it_learns(url: str, studio: Studio, nursery: Nursery) -> None:
    chance, corrections, kills, database = random.Random(7), count(1), 0, Database(url)
    teaching = ActiveRevisions(database, VersionNaming("base", "any"), Counter("unknown", "", registry=None), Journal())
    correct(database, studio, next(corrections))
    while kills < KILLS:
        outcome = nursery.life(chance.randint(1, LATEST))
        assert outcome in ("killed", "done")
        kills += outcome == "killed"
        check(database, studio, teaching)
        if outcome == "done":
            correct(database, studio, next(corrections))
    assert nursery.life(0) == "done"
    check(database, studio, teaching)
    learned_once(database, studio, nursery)
    database.close()


def correct(database: Database, studio: Studio, number: int) -> None:
    """Store one more correction."""
    mask = np.zeros((60, 80), np.bool_)
    mask[:number, :number] = True
    correction = Correction(f"region-{number}", "red", pack(mask))
    when = CREATED + timedelta(minutes=number)
    annotation = Annotation(number, number, "gone.png", "1", when, corrections=(correction,))
    with database.writing() as connection:
        projects.see(connection, projects.Project(studio.key, "", "", studio.config))
        annotation_rows.keep(connection, studio.key, annotation)


def check(database: Database, studio: Studio, teaching: ActiveRevisions) -> None:
    """What is in force is the newest revision, whole; each was adopted by one finished run; predictions use it."""
    with database.reading() as connection:
        history = revisions.history(connection, studio.key)
        number = revisions.number_in_force(connection, studio.key)
        judged = runs.verdicts(connection, studio.key)
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert [each.number for each in history] == list(range(1, len(history) + 1))
    assert [each.parent for each in history] == list(range(len(history)))
    assert number == len(history)
    assert [each.verdict.revision for each in judged] == [each.number for each in history]
    for each in history:
        assert decode(each.lessons).lessons["red"].key == str(each.figures["count"])
    found = teaching.in_force(studio.key)
    assert found.version == ("base" if number == 0 else f"base-r{number}")


def learned_once(database: Database, studio: Studio, nursery: Nursery) -> None:
    """Nothing was judged twice on top of one revision, and no step was taken again after it was saved."""
    with database.reading() as connection:
        judged = runs.verdicts(connection, studio.key)
    assert len({(each.basis.digest, each.parent) for each in judged}) == len(judged) >= 1
    saved: set[tuple[str, str]] = set()
    for run, step, what in nursery.notes():
        assert what != "taken" or (run, step) not in saved
        saved |= {(run, step)} if what != "taken" else set()
    assert len(saved) == STEPS * len(judged)

"""A clock that jumps: no project is locked for long, and nobody learns the same twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from backend.learning.triggers import occasions
from backend.store import revisions, runs
from backend.store.annotation_rows import Basis
from backend.store.connection.clock import now as real_now
from backend.store.database import Database
from backend.store.runs import LostLease
from tests.backend.store.test_runs import FIVE, NOTHING, claimed, finished, learned, taken

SIX = Basis(6, "b" * 32)
DAY = timedelta(days=1)


@dataclass
class Clock:
    """The database's clock, so much ahead of the true one."""

    ahead: timedelta = timedelta(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, true = Clock(), real_now

    def now(connection: Connection) -> object:
        return true(connection) + clock.ahead

    for module in ("backend.store.runs", "backend.learning.triggers"):
        monkeypatch.setattr(f"{module}.now", now)
    return clock


def due(database: Database, project: str) -> list[str]:
    with database.reading() as connection:
        return [each.cause for each in occasions(connection, 0, 60.0) if each.project == project]


def test_a_dead_owners_lease_does_not_hold_for_a_day_after_the_clock_was_set_back(
    database: Database, project: str, clock: Clock
) -> None:
    dead = taken(database, project, FIVE, "dead")
    clock.ahead = -DAY
    assert due(database, project) == ["a run was interrupted"]
    heir = taken(database, project, FIVE, "other")
    assert (heir.id, heir.attempt) == (dead.id, 2)
    assert claimed(database, project, FIVE, "third") is None
    assert due(database, project) == []


def test_a_living_owner_keeps_its_lease_when_it_renews_it_under_the_new_clock(
    database: Database, project: str, clock: Clock
) -> None:
    run = taken(database, project, FIVE, "one")
    clock.ahead = -DAY
    with database.writing() as connection:
        runs.beat(connection, run, 60)
    assert claimed(database, project, FIVE, "other") is None
    assert due(database, project) == []
    learned(database, run)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_who_was_overtaken_by_a_jump_changes_nothing_any_more(
    database: Database, project: str, clock: Clock, jump: timedelta
) -> None:
    slow = taken(database, project, FIVE, "slow")
    clock.ahead = jump
    heir = taken(database, project, FIVE, "heir")
    with pytest.raises(LostLease), database.writing() as connection:
        runs.beat(connection, slow, 60)
    with pytest.raises(LostLease):
        learned(database, slow)
    learned(database, heir)
    with database.reading() as connection:
        assert [each.number for each in revisions.history(connection, project)] == [1]


def test_the_last_verdict_is_the_one_that_was_made_last(database: Database, project: str, clock: Clock) -> None:
    clock.ahead = DAY
    finished(database, taken(database, project, FIVE, "one"))
    clock.ahead = timedelta(0)
    finished(database, taken(database, project, SIX, "one"))
    with database.reading() as connection:
        judged = runs.verdicts(connection, project)
    assert [each.basis for each in judged] == [FIVE, SIX]
    assert judged[0].started <= judged[0].finished
    assert judged[1].verdict == NOTHING

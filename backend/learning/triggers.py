"""When a project is learned from by itself: after enough new annotations, and where a run was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, select

from backend.store import revisions
from backend.store.connection.clock import now
from backend.store.runs import holds
from backend.store.tables import annotations as live
from backend.store.tables import runs

MOST_LEASES = 30  # that a run waits which was interrupted again and again


@dataclass(frozen=True, slots=True)
class LearningTrigger:
    """A project that is to be learned from, and why."""

    project: str
    cause: str


def occasions(connection: Connection, every: int, lease_seconds: float) -> tuple[LearningTrigger, ...]:
    """The projects with `every` new annotations (0: never), and those with a run that nobody works on any more.

    A project that is pinned has none.
    """
    found = (*_interrupted(connection, lease_seconds), *(_grown(connection, every) if every else ()))
    return tuple(each for each in found if not revisions.pinned(connection, each.project))


def _interrupted(connection: Connection, lease_seconds: float) -> Iterator[LearningTrigger]:
    """Runs whose lease is over. Each interruption makes the next one wait longer: it may be learning that kills us."""
    moment = now(connection)
    for run in connection.execute(select(runs).where(runs.c.finished.is_(None))).all():
        rest = timedelta(seconds=lease_seconds * min(run.attempt - 1, MOST_LEASES))
        rested = run.expires + rest < moment or run.expires > moment  # that is, the clock was set back
        if rested and not holds(run.expires, moment, lease_seconds):
            yield LearningTrigger(run.project, "a run was interrupted")


def _grown(connection: Connection, every: int) -> Iterator[LearningTrigger]:
    counts = select(live.c.project, func.count()).group_by(live.c.project)
    for project, count in connection.execute(counts).all():
        new = _new(connection, project, count)
        if new >= every:
            yield LearningTrigger(project, f"{new} new annotations")


def _new(connection: Connection, project: str, count: int) -> int:
    """How many annotations were made, changed or deleted since the project was judged last."""
    done = select(runs.c.basis_count, runs.c.started).where(runs.c.project == project, runs.c.finished.is_not(None))
    last = connection.execute(done.order_by(runs.c.id.desc()).limit(1)).one_or_none()
    if last is None:
        return count
    changed = select(func.count()).where(live.c.project == project, live.c.updated > last.started)
    return max(int(connection.scalar(changed) or 0), abs(count - int(last.basis_count)))

"""Who is learning what: runs under a lease, the steps that they saved, and the verdicts that they came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from backend.store.annotation_rows import Basis
from backend.store.connection.clock import now
from backend.store.connection.upsert import upsert
from backend.store.revision_lock import Standing, locked
from backend.store.tables import runs, steps


class LostLease(Exception):
    """The lease ran out and somebody else took the run over, or it was given up: stop working on it."""


@dataclass(frozen=True, slots=True)
class Run:
    """Learning from one basis on top of revision `parent`.

    attempt: 1, and one more each time that a run is taken over after its lease ran out. doing: what it does now, in
    words. `expires`: when the lease runs out, on the database's clock.
    """

    id: int
    project: str
    basis: Basis
    parent: int
    owner: str
    attempt: int
    started: datetime
    expires: datetime
    doing: str = ""


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What a run came to: the revision that was adopted, or None; figures as JSON takes them; the reason in words."""

    revision: int | None
    figures: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A finished run."""

    basis: Basis
    parent: int
    started: datetime
    finished: datetime
    verdict: RunVerdict


def claim(connection: Connection, project: str, basis: Basis, owner: str, lease_seconds: float) -> Run | None:
    """Start a run, take over one whose lease ran out, or go on with the owner's own.

    None where somebody else's lease on the project holds, and where this basis was judged already on top of the
    revision in force. `owner` has to be unique among processes, and among lives of one process. Unfinished runs on
    other grounds are given up.
    """
    standing, moment = locked(connection, project), now(connection)
    for other in connection.execute(_unfinished(project)).all():
        if other.owner != owner and holds(other.expires, moment, lease_seconds):
            return None
        if _grounds(other) != (basis.digest, standing.number, standing.era):
            connection.execute(runs.delete().where(runs.c.id == other.id))
    until = moment + timedelta(seconds=lease_seconds)
    same = connection.execute(_on(project, basis, standing)).one_or_none()
    if same is None:
        return _start(connection, project, basis, standing, (owner, moment, until))
    return None if same.finished is not None else _take_over(connection, same, owner, until)


def beat(connection: Connection, run: Run, lease_seconds: float, doing: str = "") -> None:
    """Hold the lease for so many seconds from now, and say what is being done.

    Raises: LostLease.
    """
    _held(connection, run)
    until = now(connection) + timedelta(seconds=lease_seconds)
    connection.execute(runs.update().where(runs.c.id == run.id).values(expires=until, doing=doing))


def save(connection: Connection, run: Run, step: str, value: bytes) -> None:
    """Keep the result of a step for whoever takes the run over.

    Raises: LostLease.
    """
    _held(connection, run)
    upsert(connection, steps, [{"run": run.id, "name": step, "value": value}])


def saved(connection: Connection, run: Run) -> dict[str, bytes]:
    """The results of the steps that are done, by step."""
    rows = connection.execute(select(steps.c.name, steps.c.value).where(steps.c.run == run.id))
    return {row.name: row.value for row in rows}


def finish(connection: Connection, run: Run, verdict: RunVerdict) -> None:
    """Keep the verdict and forget the steps; in one transaction with the adoption where there is one.

    Raises: LostLease.
    """
    _held(connection, run)
    reached = {"revision": verdict.revision, "figures": dict(verdict.figures), "reason": verdict.reason}
    done = runs.update().where(runs.c.id == run.id)
    connection.execute(done.values(finished=now(connection), doing="", **reached))
    connection.execute(steps.delete().where(steps.c.run == run.id))


def current(connection: Connection, project: str) -> Run | None:
    """The run that is not finished, whether its lease holds or not."""
    row = connection.execute(_unfinished(project).order_by(runs.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _run(row)


def verdicts(connection: Connection, project: str) -> tuple[Judged, ...]:
    """Every finished run, oldest first; a project's runs end in the order of their ids, whatever the clock says."""
    done = select(runs).where(runs.c.project == project, runs.c.finished.is_not(None))
    return tuple(map(_judged, connection.execute(done.order_by(runs.c.id))))


def holds(expires: datetime, moment: datetime, lease_seconds: float) -> bool:
    """Whether a lease holds. One that reaches further than any does was given before the clock was set back.

    That one counts as run out: its owner, if it lives, renews it before long or finds out that it lost it.
    """
    return moment < expires <= moment + timedelta(seconds=lease_seconds)


def _unfinished(project: str) -> Any:
    return select(runs).where(runs.c.project == project, runs.c.finished.is_(None))


def _on(project: str, basis: Basis, standing: Standing) -> Any:
    grounds = runs.c.basis_digest == basis.digest, runs.c.parent == standing.number, runs.c.era == standing.era
    return select(runs).where(runs.c.project == project, *grounds)


def _grounds(row: Row[Any]) -> tuple[str, int, int]:
    return row.basis_digest, row.parent, row.era


def _start(
    connection: Connection, project: str, basis: Basis, standing: Standing, lease: tuple[str, datetime, datetime]
) -> Run:
    owner, started, until = lease
    row = {
        "project": project,
        "basis_count": basis.count,
        "basis_digest": basis.digest,
        "parent": standing.number,
        "era": standing.era,
        "owner": owner,
        "attempt": 1,
        "started": started,
        "expires": until,
        "doing": "",
    }
    return _run(connection.execute(runs.insert().values(row).returning(runs)).one())


def _take_over(connection: Connection, row: Row[Any], owner: str, until: datetime) -> Run:
    attempt = row.attempt + (row.owner != owner)
    taken = runs.update().where(runs.c.id == row.id).values(owner=owner, attempt=attempt, expires=until)
    return _run(connection.execute(taken.returning(runs)).one())


def _held(connection: Connection, run: Run) -> None:
    mine = runs.c.id == run.id, runs.c.owner == run.owner, runs.c.attempt == run.attempt, runs.c.finished.is_(None)
    if connection.scalar(select(runs.c.id).where(*mine).with_for_update()) is None:
        raise LostLease(f"Run {run.id} of project {run.project} is somebody else's now, or over")


def _run(row: Row[Any]) -> Run:
    basis = Basis(row.basis_count, row.basis_digest)
    lease = row.owner, row.attempt, row.started, row.expires, row.doing
    return Run(row.id, row.project, basis, row.parent, *lease)


def _judged(row: Row[Any]) -> Judged:
    verdict = RunVerdict(row.revision, row.figures, row.reason)
    return Judged(Basis(row.basis_count, row.basis_digest), row.parent, row.started, row.finished, verdict)

"""What was learned, numbered, and which of it is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from backend.store.connection.clock import now
from backend.store.revision_lock import locked
from backend.store.tables import revisions, runs, standings
from model.errors import BadQuery

IN_FORCE = select(standings.c.number).where(standings.c.project == bindparam("project"))
PINNED = select(standings.c.pinned).where(standings.c.project == bindparam("project"))


class StaleParent(Exception):
    """The revision that a draft would replace is not in force any more, or is pinned: nothing was adopted."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What may become a revision: why it was learned, figures as JSON takes them, and the lessons as bytes."""

    cause: str
    figures: Mapping[str, Any]
    lessons: bytes


@dataclass(frozen=True, slots=True)
class Revision:
    """A numbered revision; `parent` is the number that was in force when it was adopted, 0 where none was."""

    number: int
    parent: int
    cause: str
    figures: Mapping[str, Any]
    lessons: bytes
    created: datetime


def number_in_force(connection: Connection, project: str) -> int:
    """The number in force; 0 where nothing is learned."""
    return connection.scalar(IN_FORCE, {"project": project}) or 0


def in_force(connection: Connection, project: str) -> Revision | None:
    """The revision in force; None where nothing is learned."""
    its = and_(standings.c.project == revisions.c.project, standings.c.number == revisions.c.number)
    row = connection.execute(select(revisions).join(standings, its).where(revisions.c.project == project)).one_or_none()
    return None if row is None else _revision(row)


def get(connection: Connection, project: str, number: int) -> Revision | None:
    """The revision with this number."""
    named = select(revisions).where(revisions.c.project == project, revisions.c.number == number)
    row = connection.execute(named).one_or_none()
    return None if row is None else _revision(row)


def history(connection: Connection, project: str) -> tuple[Revision, ...]:
    """Every revision, oldest first, with its lessons."""
    ordered = select(revisions).where(revisions.c.project == project).order_by(revisions.c.number)
    return tuple(map(_revision, connection.execute(ordered)))


def numbers(connection: Connection) -> tuple[tuple[str, int], ...]:
    """Every project's revisions by the project's key and their number, the newest first."""
    newest = revisions.c.created.desc(), revisions.c.number.desc(), revisions.c.project
    named = select(revisions.c.project, revisions.c.number).order_by(*newest)
    return tuple((row.project, row.number) for row in connection.execute(named))


def adopt(connection: Connection, project: str, draft: Draft, parent: int) -> int:
    """Give the draft the next number and put it in force; the number.

    Raises: StaleParent when something else than `parent` is in force, or that is pinned.
    """
    standing = locked(connection, project)
    if standing.number != parent:
        raise StaleParent(f"Learned on revision {parent}, but {standing.number} is in force")
    if standing.pinned:
        raise StaleParent(f"Revision {parent} is pinned")
    latest = select(func.max(revisions.c.number)).where(revisions.c.project == project)
    number = (connection.scalar(latest) or 0) + 1
    learned = {"cause": draft.cause, "figures": dict(draft.figures), "lessons": draft.lessons}
    row = {"project": project, "number": number, "parent": parent, "created": now(connection), **learned}
    connection.execute(revisions.insert().values(row))
    _set(connection, project, number=number)
    return number


def switch(connection: Connection, project: str, number: int) -> None:
    """Put an earlier (or later) revision in force; 0: nothing learned.

    Raises: BadQuery where the project has no such revision.
    """
    locked(connection, project)
    there = select(revisions.c.number).where(revisions.c.project == project, revisions.c.number == number)
    if number != 0 and connection.scalar(there) is None:
        raise BadQuery(f"Project {project} has no revision {number}")
    _set(connection, project, number=number or None)


def pin(connection: Connection, project: str, pinned: bool) -> None:
    """Keep what is in force until it is unpinned or switched by hand, whatever is learned; or stop keeping it."""
    locked(connection, project)
    _set(connection, project, pinned=pinned)


def pinned(connection: Connection, project: str) -> bool:
    """Whether what is in force is to stay."""
    return bool(connection.scalar(PINNED, {"project": project}))


def reset(connection: Connection, project: str) -> None:
    """Start over: nothing learned is in force, nothing is pinned, and what was judged may be judged again.

    Revisions and verdicts stay in the history, and numbers go on counting. Runs that are not finished are given up.
    """
    era = locked(connection, project).era + 1
    connection.execute(runs.delete().where(runs.c.project == project, runs.c.finished.is_(None)))
    _set(connection, project, number=None, pinned=False, era=era)


def _set(connection: Connection, project: str, **values: int | bool | None) -> None:
    connection.execute(standings.update().where(standings.c.project == project).values(values))


def _revision(row: Row[Any]) -> Revision:
    return Revision(**{name: value for name, value in row._mapping.items() if name != "project"})

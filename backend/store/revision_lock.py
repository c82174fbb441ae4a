"""Which revision is in force in a project, as whoever changes it sees it: locked until the transaction ends."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.store.connection.upsert import ensure
from backend.store.tables import standings


@dataclass(frozen=True, slots=True)
class Standing:
    """`number` in force (0: nothing learned), whether it is pinned, and how often the project was reset."""

    number: int
    pinned: bool
    era: int


def locked(connection: Connection, project: str) -> Standing:
    """The project's standing, which nobody else can change before this transaction ends."""
    ensure(connection, standings, {"project": project, "number": None, "pinned": False, "era": 0})
    row = connection.execute(select(standings).where(standings.c.project == project).with_for_update()).one()
    return Standing(row.number or 0, row.pinned, row.era)

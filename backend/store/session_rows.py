"""What annotators work on, for the replicas of a server: what was asked about an object, and what was answered.

Rows are read and overwritten for some minutes and then forgotten. How a session becomes bytes is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from backend.store.connection.upsert import INSERTS
from backend.store.tables import sessions as table


@dataclass(frozen=True, slots=True)
class Key:
    """A session: its project, the digest of its task and picture, its number."""

    project: str
    place: str
    number: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far a session is: the turn of its last request, that of the last one that was answered.

    `over`: the annotator has left the task.
    """

    turn: int
    answered: int
    over: bool

    @property
    def progress(self) -> tuple[int, int]:
        """Of two states of one session the one with more is the newer one."""
        return self.turn, self.answered


@dataclass(frozen=True, slots=True)
class Kept:
    """A session as it was kept; `answer` is None until there is one."""

    number: str
    turn: int
    answered: int
    used: datetime
    asked: bytes
    answer: bytes | None


def hold(connection: Connection, project: str, place: str) -> None:
    """Have a task for oneself until the transaction ends; a file has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.blake2b(f"{project} {place}".encode(), digest_size=8).digest(), signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def stamps(connection: Connection, project: str, place: str, since: datetime) -> Mapping[str, Stamp]:
    """The sessions of a task that were used since then, by number."""
    columns = table.c.number, table.c.turn, table.c.answered, table.c.asked.is_(None).label("over")
    of_task = table.c.project == project, table.c.place == place
    rows = connection.execute(select(*columns).where(*of_task, table.c.used >= since))
    return {row.number: Stamp(row.turn, row.answered, bool(row.over)) for row in rows}


def get(connection: Connection, project: str, place: str, numbers: Iterable[str]) -> tuple[Kept, ...]:
    """These sessions of a task, without those that are over."""
    columns = [column for column in table.c if column.name not in ("project", "place")]
    of_task = table.c.project == project, table.c.place == place
    wanted = select(*columns).where(*of_task, table.c.number.in_(numbers), table.c.asked.is_not(None))
    return tuple(Kept(**row._mapping) for row in connection.execute(wanted))


def ask(connection: Connection, key: Key, turn: int, asked: bytes, when: datetime) -> None:
    """Keep what a session has asked by its `turn`, unless a later one was kept already; answers stay."""
    own = {"project": key.project, "place": key.place, "number": key.number}
    insert = INSERTS[connection.dialect.name](table)
    insert = insert.values({**own, "turn": turn, "answered": 0, "used": when, "asked": asked})
    newer = {name: insert.excluded[name] for name in ("turn", "used", "asked")}
    later = table.c.turn < insert.excluded.turn
    connection.execute(insert.on_conflict_do_update(index_elements=list(own), set_=newer, where=later))


def answer(connection: Connection, key: Key, turn: int, answer: bytes) -> None:
    """Keep the answer to the request of a `turn`, unless a later one was kept already, or the session is gone."""
    own = table.c.project == key.project, table.c.place == key.place, table.c.number == key.number
    open_to_it = table.update().where(*own, table.c.asked.is_not(None), table.c.answered <= turn)
    connection.execute(open_to_it.values(answered=turn, answer=answer))


def end(connection: Connection, project: str, place: str, when: datetime) -> None:
    """End the sessions of a task, and let whoever remembers them know."""
    of_task = table.update().where(table.c.project == project, table.c.place == place)
    connection.execute(of_task.values(asked=None, answer=None, used=when))


def trim(connection: Connection, before: datetime) -> None:
    """Forget what was not used since then, in all projects."""
    connection.execute(table.delete().where(table.c.used < before))

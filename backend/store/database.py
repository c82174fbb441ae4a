"""The database: opened, brought to the newest form, and asked in transactions that end as a whole or not at all."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from backend.store.connection.address import file_of, parsed
from backend.store.connection.failures import explained, is_away
from backend.store.connection.fair_lock import Turns
from backend.store.connection.sqlite_file import SqliteFile
from backend.store.schema import bring_to_head
from model.errors import Misconfigured, Unavailable

logger = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that anybody waits for a lock, a connection or the server; ours
CONNECTIONS = 4  # kept open in each process
REST = 5.0  # seconds that a database which did not answer is left alone by whoever is sparing; ours
MORE_CONNECTIONS = 28  # opened when as many threads ask at once, and closed again


class Tables:
    """Whether the tables have the form that this code knows; one for all who ask the same database."""

    _ready = False

    def see_to(self, engine: Engine) -> None:
        """Bring them to that form, once; threads may do so at the same time. Raises Misconfigured for a newer one."""
        if not self._ready:
            bring_to_head(engine)
            self._ready = True


class Database:
    """One database that any number of threads and processes share."""

    def __init__(self, url: str, patience: float = PATIENCE, later: bool = False) -> None:
        """Open it and bring its tables to the form that this code knows; `patience` is in seconds.

        `later`: where its server is away, the tables are seen to when it is there. Raises: Misconfigured when the URL
        names none, or one that cannot be opened.
        """
        self._engine, self._patience = _engine(parsed(url), patience), patience
        self._turns = Turns()
        self._rest, self._rested = 0.0, (0.0, "")  # until when it is left alone, and why
        self.name = self._engine.url.render_as_string(hide_password=True)
        self._tables = Tables()
        with ExitStack() as failing:
            failing.callback(self._engine.dispose)
            self._open(later)
            failing.pop_all()
        file = file_of(self._engine.url)
        self._file = None if file is None else SqliteFile(file)

    def hurried(self, patience: float) -> Database:
        """The same database for those who wait `patience` seconds at most; its tables are looked at once."""
        other = copy(self)
        other._engine, other._patience = _engine(self._engine.url, patience), patience
        return other

    def sparing(self) -> Database:
        """The same database for those who can do without: after it did not answer it is not asked for 5 s.

        So of many clicks in a row one waits for a database that is away, and the others find that out at once.
        """
        other = copy(self)
        other._rest, other._rested = REST, (0.0, "")
        return other

    @property
    def left_alone(self) -> bool:
        """Whether it is not asked now, as it did not answer."""
        return time.monotonic() < self._rested[0]

    @property
    def shared(self) -> bool:
        """Whether processes on several machines may share it: a server, rather than a file."""
        return self._engine.dialect.name != "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """What stood in the database when the first question was asked, for as long as the block lasts.

        Raises: Unavailable.
        """
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: stored when the block ends, and undone when anything is raised in it.

        Raises: Unavailable, after which nothing is stored (where the connection broke while the transaction was being
        ended, it may be stored as a whole).
        """
        with self._transaction(writes=True) as connection:
            yield connection

    def check(self) -> None:
        """Raises FileGone where its file was deleted or replaced since it was opened."""
        if self._file is not None:
            self._file.check()

    def close(self) -> None:
        """Close the connections that are not in use."""
        if self._file is not None:
            self._file.close()
        self._engine.dispose()

    def _open(self, later: bool) -> None:
        try:
            self._tables.see_to(self._engine)
        except DBAPIError as error:
            message = explained(error, self._engine.url)
            if not message:
                raise
            if not (later and is_away(error)):
                raise Misconfigured(f"ANYWORD_DATABASE: {message}") from error
            logger.warning("%s. Predictions go on without what was learned until it is there", message)

    @contextmanager
    def _turn(self, writes: bool) -> Iterator[None]:
        """Whoever writes to a file waits for those before it; a server sees to that itself."""
        if self.shared or not writes:
            yield
            return
        with self._turns.taken(self._patience) as mine:
            if not mine:
                raise NoConnectionLeft
            yield

    @contextmanager
    def _transaction(self, writes: bool) -> Iterator[Connection]:
        if self.left_alone:
            raise Unavailable(self._rested[1])
        self.check()
        try:
            self._tables.see_to(self._engine)
            with self._turn(writes), self._engine.connect() as connection:
                connection.execution_options(**_options(connection, writes))
                with connection.begin():
                    yield connection
            if writes:
                self.check()  # what was stored may have gone into a file that was deleted meanwhile
        except (DBAPIError, NoConnectionLeft) as error:
            message = explained(error, self._engine.url)
            if not message:
                raise  # a mistake in a statement, not in the world
            self._rested = time.monotonic() + self._rest, message
            raise Unavailable(message) from error


def _engine(url: URL, patience: float) -> Engine:
    """Statements never show the values that they carry: those are other people's texts."""
    shared = {
        "json_serializer": partial(json.dumps, allow_nan=False),
        "hide_parameters": True,
        "pool_size": CONNECTIONS,
        "max_overflow": MORE_CONNECTIONS,
        "pool_timeout": patience,
    }
    if url.drivername == "sqlite":
        return _sqlite(url, patience, shared)
    return _postgresql(url, patience, shared)


def _sqlite(url: URL, patience: float, shared: dict[str, Any]) -> Engine:
    """Readers go on while somebody writes (WAL), and each transaction is on the disk before it counts as done (FULL).

    NORMAL would be quicker by one flush a transaction, but a power cut could take back the number of a revision that
    Label Studio was told already, and the next one would get the same number.
    """
    engine = create_engine(url, connect_args={"timeout": patience}, **shared)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # sqlite3 would begin transactions by itself, and some not at all
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        file: Any = connection.connection.dbapi_connection  # what touches no file needs none of SQLAlchemy's care
        file.execute(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
        if writes:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            file.execute("BEGIN")

    return engine


def _write_ahead(file: sqlite3.Connection) -> None:
    """See that the file is in WAL mode, and wait for whoever locks it: of many who open a new file, one changes it.

    By itself the change waits for nobody who writes: it reads first, and SQLite refuses a reader who wants to write
    at once, as the other one may be waiting for the reader to end. So the lock comes first, from BEGIN EXCLUSIVE, and
    is kept until the file is touched next, by the change (https://www.sqlite.org/pragma.html#pragma_locking_mode).
    """
    if _writes_ahead(file):
        return
    file.execute("BEGIN EXCLUSIVE")
    if _writes_ahead(file):  # since we looked; with locking_mode we would lock everybody else out for good
        file.execute("COMMIT")
        return
    file.execute("PRAGMA locking_mode = EXCLUSIVE")
    file.execute("COMMIT")
    file.execute("PRAGMA locking_mode = NORMAL")
    file.execute("PRAGMA journal_mode = WAL")


def _writes_ahead(file: sqlite3.Connection) -> bool:
    return file.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def _postgresql(url: URL, patience: float, shared: dict[str, Any]) -> Engine:
    given = url.query.get("options", "")
    connecting = {
        "connect_timeout": max(2, round(patience)),
        "tcp_user_timeout": round(1000 * patience),  # a server that vanished is missed this soon
        "options": f"-c lock_timeout={round(1000 * patience)} {given if isinstance(given, str) else ' '.join(given)}",
    }
    return create_engine(url, connect_args=connecting, pool_pre_ping=True, **shared)


def _options(connection: Connection, writes: bool) -> dict[str, Any]:
    if connection.dialect.name == "sqlite" or writes:
        return {"writes": writes}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

"""The file of a SQLite database while a server runs: it stays the one that was opened, and one server's alone."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import make_url

from model.errors import Misconfigured, Unavailable

logger = logging.getLogger(__name__)

RESCUED = ".rescued"  # behind the file's name: what the open handle still held


class SqliteFile:
    """One file, held open. Threads may share it.

    A file that is deleted while it is open goes on to take what nobody will read, and new connections would begin an
    empty one in its place.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._opened = path, _identity(path)
        self._handle = sqlite3.connect(path, check_same_thread=False)
        self._handle.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the journal, too
        self._lock = threading.Lock()
        self._rescued = False

    def check(self) -> None:
        """Raises Unavailable where the file was deleted or another one took its place."""
        if _identity(self._path) == self._opened:
            return
        with self._lock:
            if not self._rescued:
                self._rescued = self._rescue()
        raise Unavailable(
            f"The database {self._path} was deleted or replaced while the server ran: stop the server, put "
            f"{self._path}{RESCUED} (what it held) or another copy in its place, and start it"
        )

    def close(self) -> None:
        """Let go of the file."""
        self._handle.close()

    def _rescue(self) -> bool:
        """Copy what the open handle still holds; whether that went well."""
        copy = f"{self._path}{RESCUED}"
        try:
            with closing(sqlite3.connect(copy)) as target:
                self._handle.backup(target)
        except sqlite3.Error as error:
            logger.error("The database %s was deleted or replaced, and no copy could be written: %s", self._path, error)
            return False
        logger.error("The database %s was deleted or replaced; what it held is in %s", self._path, copy)
        return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


@contextmanager
def one_server(url: str) -> Iterator[None]:
    """Have a SQLite file for one server, for as long as the block lasts; other databases take any number.

    The commands that share the file with a server (preannotate, sync, revisions) take no part in this. The lock is the
    operating system's and ends with the process. Raises Misconfigured where another server has the file.
    """
    parsed = make_url(url)
    if parsed.drivername != "sqlite" or not parsed.database:
        yield
        return
    with ExitStack() as held:
        with suppress(OSError):  # the folder is missing or read-only: opening the database says so
            _take(held.enter_context(Path(f"{parsed.database}.server").open("a+")), parsed.database)
        yield


def _take(lock: IO[str], database: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise Misconfigured(
            f"ANYWORD_DATABASE: another server (process {lock.read().strip() or 'unknown'}) works with {database}: "
            "stop it, give this one a file of its own, or use PostgreSQL for several"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()

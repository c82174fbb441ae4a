"""The file of a SQLite database while a server runs: it stays the one that was opened, and one server's alone."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from backend.store.connection.address import file_of, served
from model.errors import Misconfigured, Unavailable

logger = logging.getLogger(__name__)

RESCUED = "rescued"  # part of the name of a copy of what the open handle still held

Identity = tuple[int, int]
LOGS = ("-wal", "-shm")  # the write-ahead log and its index; locks are taken on the index


class FileGone(Unavailable):
    """The file of the database is not the one that was opened; an operator has to act."""


class SqliteFile:
    """One file, held open. Threads may share it.

    After a file, its write-ahead log or the log's index is deleted, open connections go on writing into it, but nobody
    will read that; new connections would begin an empty one in its place, and lock each other out no more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # SQLite, too, follows a link and keeps the log beside the file itself
        self._handle = sqlite3.connect(self._path, check_same_thread=False)
        self._handle.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the log, too
        self._watched = (self._path, *(Path(f"{self._path}{ending}") for ending in LOGS))
        self._opened = self._identities()
        self._lock = threading.Lock()
        self._copy: Path | None = None
        self._closed = False

    def check(self) -> None:
        """Raises FileGone where the file, its log or the log's index was deleted, or another one took its place."""
        if self._identities() == self._opened:
            return
        with self._lock:
            copy = self._rescue()
        found = f"{copy} (what it held)" if copy else "a backup"
        raise FileGone(
            f"The database {self._path} was deleted or replaced while the server ran: stop the server, put "
            f"{found} in its place, and start it"
        )

    def close(self) -> None:
        """Let go of the file, and first copy one that was deleted since the last look."""
        with self._lock:
            if self._closed:
                return
            if self._identities() != self._opened:
                self._rescue()
            self._closed = True
            self._handle.close()

    def _identities(self) -> tuple[Identity | None, ...]:
        return tuple(map(_identity, self._watched))

    def _rescue(self) -> Path | None:
        """Copy what the open handle still holds, once; where to. An earlier copy is never overwritten."""
        if self._copy is not None or self._closed:
            return self._copy
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        copy = Path(f"{self._path}.{RESCUED}-{moment}")
        try:
            copy.touch(mode=0o600, exist_ok=False)
            with closing(sqlite3.connect(copy)) as target:
                self._handle.backup(target)
        except (sqlite3.Error, OSError) as error:
            copy.unlink(missing_ok=True)
            logger.error("The database %s was deleted or replaced, and no copy could be written: %s", self._path, error)
            return None
        logger.error("The database %s was deleted or replaced; what it held is in %s", self._path, copy)
        self._copy = copy
        return copy


def _identity(path: Path) -> Identity | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


@contextmanager
def one_server(url: str) -> Iterator[None]:
    """Have a SQLite file for one server, for as long as the block lasts; other databases take any number.

    The commands that share the file with a server (preannotate, sync, revisions) take no part in this. The lock is the
    operating system's and ends with the process. Raises Misconfigured where another server has the file, and for a URL
    that no server can use.
    """
    named = file_of(served(url))
    if named is None:
        yield
        return
    file = named.resolve()  # by whatever name it is reached
    with ExitStack() as held:
        if file.parent.is_dir():  # else opening the database says so
            _take(held.enter_context(_opened(Path(f"{file}.server"))), file)
        yield


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a+")
    except OSError as error:
        raise Misconfigured(
            f"ANYWORD_DATABASE: {path}, which keeps other servers off, cannot be written ({error.strerror}): "
            "give the user who runs the server the right to write there"
        ) from None


def _take(lock: IO[str], database: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise Misconfigured(
            f"ANYWORD_DATABASE: another server (process {lock.read().strip() or 'unknown'}) works with {database}: "
            "stop it, give this one a file of its own, or use PostgreSQL for several"
        ) from None
    except OSError as error:
        raise Misconfigured(
            f"ANYWORD_DATABASE: {database} lies on a file system without locks ({error.strerror}): "
            "put it on a local disk, or use PostgreSQL"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()

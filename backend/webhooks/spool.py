"""Events that the database could not take, kept on this machine's disk until it can."""

from __future__ import annotations

import base64
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from backend.store.annotation_rows import Event
from model.errors import Unavailable

logger = logging.getLogger(__name__)

MOST_EVENTS = 5_000
MOST_BYTES = 256_000_000
ENDING, DAMAGED = ".event", ".damaged"


class Spool:
    """A folder with one file per event; the names sort by age. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._newest = 0
        self._waiting: dict[Path, int] = {}
        self._look()

    def __len__(self) -> int:
        """How many events wait, as far as this process has looked."""
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Write an event to the disk before returning.

        Raises Unavailable where the spool is full, or cannot be written.
        """
        data = _written(event)
        with self._lock:
            if len(self._waiting) >= MOST_EVENTS or sum(self._waiting.values()) + len(data) > MOST_BYTES:
                raise Unavailable(f"The spool {self._folder} is full, and the database is away: bring it back")
            path = self._folder / f"{self._next():020d}-{uuid4().hex}{ENDING}"
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _store(path, data)
            except OSError as error:
                raise Unavailable(f"The spool {self._folder} cannot be written ({error.strerror})") from error
            self._waiting[path] = len(data)

    def drain(self, store: Callable[[Event], None]) -> int:
        """Pass each event to `store`, oldest first, and delete those that it takes; return their number.

        Raises Unavailable from `store`, and keeps that event and the ones behind it. Another error of `store` puts
        the event aside: it would block all others.
        """
        self._look()
        if not self._waiting:
            return 0
        with self._alone() as alone:
            if not alone:
                return 0  # another process drains the folder
            self._look()
            return sum(self._take(path, store) for path in self._ordered())

    def _ordered(self) -> Iterator[Path]:
        """The oldest file, each time anew: events arrive meanwhile."""
        while path := min(self._waiting, default=None):
            yield path

    def _take(self, path: Path, store: Callable[[Event], None]) -> bool:
        try:
            store(_event(path.read_bytes()))
            path.unlink(missing_ok=True)
            taken = True
        except (Unavailable, MemoryError):  # the database or the machine is at fault, not this event
            raise
        except Exception as error:  # the boundary of one event
            self._put_aside(path, error)
            taken = False
        with self._lock:
            self._waiting.pop(path, None)
        return taken

    def _put_aside(self, path: Path, error: Exception) -> None:
        """Rename a file that cannot be stored, for an operator to look at."""
        aside = path.with_suffix(DAMAGED)
        logger.error("An event in the spool cannot be stored and was renamed to %s: %s", aside, error)
        try:
            path.replace(aside)
        except OSError as why:
            logger.error("%s cannot be renamed: %s", path, why)

    def _look(self) -> None:
        """List the folder: another process may have added or stored events."""
        with self._lock:
            self._waiting = dict(self._files())

    def _files(self) -> Iterator[tuple[Path, int]]:
        for path in self._folder.glob(f"*{ENDING}") if self._folder.is_dir() else ():
            try:
                yield path, path.stat().st_size
            except FileNotFoundError:  # another process stored it
                continue

    def _next(self) -> int:
        """A number above all others here, also where the clock was set back."""
        last = max((int(path.name[:20]) for path in self._waiting if path.name[:20].isdigit()), default=0)
        self._newest = max(time.time_ns(), last + 1, self._newest + 1)
        return self._newest

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether this process has the folder for itself. The lock ends with the process."""
        try:
            opened = (self._folder / "lock").open("a")
        except OSError as error:
            raise Unavailable(f"The spool {self._folder} cannot be written ({error.strerror})") from error
        with opened as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def _written(event: Event) -> bytes:
    told = {**asdict(event), "body": base64.b64encode(event.body).decode(), "received": event.received.isoformat()}
    return json.dumps(told).encode()


def _event(data: bytes) -> Event:
    told = json.loads(data)
    body, received = base64.b64decode(told["body"], validate=True), datetime.fromisoformat(told["received"])
    return Event(str(told["project"]), str(told["action"]), body, received)


def _store(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all, also after a power cut."""
    new = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)  # a full disk needs the room
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the name, too, survives a power cut
    finally:
        os.close(folder)

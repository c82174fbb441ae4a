"""Events that the database could not take, kept on this machine's disk until it can."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from backend.store.facts import Event
from model.errors import Unavailable

logger = logging.getLogger(__name__)

MOST_EVENTS = 5_000
MOST_BYTES = 256_000_000
ENDING, DAMAGED = ".event", ".damaged"


class Spool:
    """A folder with one file an event, the oldest first by name. Threads may share it; one process has it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._waiting = {path: path.stat().st_size for path in self._files()}

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Keep an event. It is on the disk when this comes back.

        Raises Unavailable where the spool is full, or cannot be written.
        """
        data = _written(event)
        with self._lock:
            if len(self._waiting) >= MOST_EVENTS or sum(self._waiting.values()) + len(data) > MOST_BYTES:
                raise Unavailable(f"The spool {self._folder} is full, and the database is away: bring it back")
            path = self._folder / f"{time.time_ns():020d}-{uuid4().hex}{ENDING}"
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _store(path, data)
            except OSError as error:
                raise Unavailable(f"The spool {self._folder} cannot be written ({error.strerror})") from error
            self._waiting[path] = len(data)

    def drain(self, store: Callable[[Event], None]) -> int:
        """Give each event to `store`, the oldest first, and forget those that it takes; how many those were.

        Raises what `store` raises, with that event and the ones behind it kept.
        """
        taken = 0
        while path := min(self._waiting, default=None):
            event = self._read(path)
            if event is not None:
                store(event)
                taken += 1
            with self._lock:
                self._waiting.pop(path, None)
                path.unlink(missing_ok=True)
        return taken

    def _read(self, path: Path) -> Event | None:
        """The event in a file. One that cannot be read is put aside under another name, for a person to look at."""
        try:
            return _event(path.read_bytes())
        except (OSError, ValueError, KeyError, TypeError) as error:
            aside = path.with_suffix(DAMAGED)
            logger.error("An event of the spool is damaged and was put aside as %s: %s", aside, error)
            if path.exists():
                path.replace(aside)
            return None

    def _files(self) -> Iterator[Path]:
        return self._folder.glob(f"*{ENDING}") if self._folder.is_dir() else iter(())


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
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def folder_of(database: str, chosen: str) -> Path:
    """Where events wait: the folder that was chosen, else beside a SQLite file, else in the working folder.

    Each database has a folder of its own.
    """
    if chosen:
        return Path(chosen)
    if database.startswith("sqlite:///") and not database.startswith("sqlite:///file:"):
        return Path(f"{database.removeprefix('sqlite:///')}.spool")
    return Path(f"anyword-{hashlib.blake2b(database.encode(), digest_size=4).hexdigest()}.spool")

"""Which tasks were under way when an earlier run was killed: one of them may be what killed it."""

from __future__ import annotations

import getpass
import hashlib
import json
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TWICE = 2  # runs that end while they do one task alone, or nearly: the task is what ends them


class Suspects:
    """A file with the tasks that are under way, and how often each was when a run was killed; threads may share it."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._killed = _read(path)
        self._under_way: set[int] = set()
        self._save()

    def is_suspected(self, task: int) -> bool:
        """Whether a run was killed while it did a task: it is done alone, behind the others."""
        return self._killed.get(task, 0) > 0

    def is_guilty(self, task: int) -> bool:
        """Whether a task was under way each time that runs were killed, and at last alone."""
        return self._killed.get(task, 0) >= TWICE

    @contextmanager
    def doing(self, tasks: Sequence[int]) -> Iterator[None]:
        """Note that tasks are under way, for as long as the block lasts."""
        with self._lock:
            self._under_way |= set(tasks)
            self._save()
        try:
            yield
        finally:  # the process lives
            with self._lock:
                self._under_way -= set(tasks)
                for task in tasks:
                    self._killed.pop(task, None)
                self._save()

    def _save(self) -> None:
        """Write who would be suspected if this process were killed now."""
        named = {
            task: self._killed.get(task, 0) + (task in self._under_way) for task in {*self._killed, *self._under_way}
        }
        if named:
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps({str(task): times for task, times in named.items()}))
            new.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)


def suspects_of(studio: str, project: str) -> Suspects:
    """The file for a project of a Label Studio, in the folder for temporary files: it outlives the process."""
    name = hashlib.blake2b(f"{studio} {project}".encode(), digest_size=8).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"anyword-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return Suspects(folder / f"preannotate-{name}.json")


def _read(path: Path) -> dict[int, int]:
    try:
        return {int(task): int(times) for task, times in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):  # none was killed, or while it wrote this
        return {}

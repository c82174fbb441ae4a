"""A run that is held while its learning goes on: its lease, its saved steps, and what it does, in words."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from backend.learning.yielding import Aside
from backend.store import runs
from backend.store.database import Database
from backend.store.runs import LostLease, Run
from model.errors import Unavailable

logger = logging.getLogger(__name__)

BEATS = 6  # in the time of a lease; all but one may fail


class Holding:
    """Renews a run's lease in a thread of its own until the block ends; one that ends with an error gives it back."""

    def __init__(self, database: Database, run: Run, lease_seconds: float) -> None:
        self.run, self.doing = run, ""
        self._database, self._seconds = database, lease_seconds
        self._over = threading.Event()
        self._lost: LostLease | Unavailable | None = None
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Holding:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if error is not None:
            with suppress(LostLease, Unavailable), self._database.writing() as connection:  # it ends by itself, too
                runs.beat(connection, self.run, 0.0, f"stopped ({type(error).__name__}) when it said: {self.doing}")

    def check(self) -> None:
        """Called between steps, as another process may have the run by now.

        Raises LostLease, or Unavailable where the database was away for as long as the lease lasts.
        """
        if self._lost is not None:
            raise self._lost

    def _beat(self) -> None:
        until = time.monotonic() + self._seconds
        while not self._over.wait(self._seconds / BEATS):
            began = time.monotonic()
            try:
                with self._database.writing() as connection:
                    runs.beat(connection, self.run, self._seconds, self.doing)
                until = began + self._seconds
            except LostLease as error:
                self._lost = error
                return
            except Unavailable as error:
                logger.warning("Run %d: the lease is not renewed: %s", self.run.id, error)
                if time.monotonic() > until:
                    self._lost = error
                    return


@dataclass(frozen=True, slots=True)
class Steps:
    """What a run has saved; `known` is what it had when it was taken up. Used in the lane's thread."""

    database: Database
    holding: Holding
    aside: Aside
    known: Mapping[str, bytes]

    def get(self, step: str) -> bytes | None:
        """What was saved under a step; None where nothing was."""
        return self.known.get(step)

    def put(self, step: str, value: bytes) -> None:
        """Save what a step found. Raises LostLease and Unavailable."""
        self.aside.do(partial(self._save, step, value))
        self.holding.doing = f"{step}: done"

    def _save(self, step: str, value: bytes) -> None:
        with self.database.writing() as connection:
            runs.save(connection, self.holding.run, step, value)

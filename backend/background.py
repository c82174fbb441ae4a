"""Threads that work beside the requests: turn after turn, with growing pauses after failures, until they are closed."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import ClassVar

from backend.problems import problem

logger = logging.getLogger(__name__)

QUIET = 60.0  # seconds between two lines of the log about one trouble


class BackgroundWorker(ABC):
    """A thread that takes turns. What a turn raises is logged, and the next one comes after a pause."""

    longest_pause: ClassVar[float] = 60.0  # seconds between two turns that fail
    patient: ClassVar[bool] = False  # whether `wake` leaves that pause as it is
    ending: ClassVar[float | None] = None  # seconds that `close` waits for the turn under way; None: until it ends

    def __init__(self, name: str) -> None:
        self._woken, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @abstractmethod
    def turn(self) -> float | None:
        """Do some work; the seconds until the next turn, None: until `wake`."""

    def failed(self, error: Exception, pause: float) -> None:
        """Log that a turn failed."""
        logger.warning("%s failed, next attempt in %.0f s: %s", self._thread.name, pause, problem(error).message)

    def start(self) -> None:
        """Begin with the first turn."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next turn come at once."""
        self._woken.set()

    def close(self) -> None:
        """Finish the turn that is under way, and end the thread."""
        self._closed.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(self.ending)

    def _work(self) -> None:
        failures = 0
        while not self._closed.is_set():
            pause, failures = self._try(failures)
            (self._closed if failures and self.patient else self._woken).wait(pause)
            self._woken.clear()

    def _try(self, failures: int) -> tuple[float | None, int]:
        """Take a turn after so many failures in a row; the pause after it, and their number by then."""
        try:
            return self.turn(), 0
        except Exception as error:  # the boundary of the thread: it goes on for as long as the server does
            pause = min(2.0 ** (failures + 1), self.longest_pause)
            self.failed(error, pause)
            return pause, failures + 1


class Seldom:
    """Lets one line a minute into the log."""

    def __init__(self) -> None:
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether a line may be written now; after that none for a minute."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + QUIET
        return True

"""Small jobs that nobody waits for, done one after the other in a thread of their own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from backend.problems import problem

logger = logging.getLogger(__name__)

Errand = Callable[[], object]


class Errands:
    """The newest errand goes first; of too many, the oldest is dropped. What fails is logged, and nobody is told."""

    def __init__(self, name: str, most: int) -> None:
        """Start the thread; at most `most` errands wait."""
        self._waiting: deque[Errand] = deque(maxlen=most)
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def send(self, errand: Errand) -> None:
        """Have something done, and come back at once."""
        with self._changed:
            self._waiting.append(partial(copy_context().run, errand))  # its lines of the log name the same request
            self._changed.notify()

    def close(self) -> None:
        """Finish the errand that is under way, drop the others, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while (errand := self._next()) is not None:
            try:
                errand()
            except Exception as error:  # the boundary of an errand: the next one is done all the same
                logger.info("%s: %s", self._thread.name, problem(error).message)

    def _next(self) -> Errand | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.pop()

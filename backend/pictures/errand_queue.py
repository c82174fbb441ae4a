"""Small jobs that nobody waits for, done one after the other in a thread of their own."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from backend.background import BackgroundWorker
from backend.problems import problem

logger = logging.getLogger(__name__)

Errand = Callable[[], object]


class ErrandQueue(BackgroundWorker):
    """The newest errand goes first; of too many, the oldest is dropped. What fails is logged, and nobody is told."""

    def __init__(self, name: str, most: int) -> None:
        """Start the thread; at most `most` errands wait."""
        super().__init__(name)
        self._waiting: deque[Errand] = deque(maxlen=most)
        self.start()

    def send(self, errand: Errand) -> None:
        """Have something done, and come back at once."""
        self._waiting.append(partial(copy_context().run, errand))  # its lines of the log name the same request
        self.wake()

    def turn(self) -> float | None:
        """Do the newest errand."""
        if not self._waiting:
            return None
        try:
            self._waiting.pop()()
        except Exception as error:  # the boundary of an errand: the next one is done all the same
            logger.info("%s: %s", self._thread.name, problem(error).message)
        return 0.0

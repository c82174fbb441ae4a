"""The one thread that owns the accelerator: jobs run one at a time, the most urgent first."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from math import ceil
from typing import Any, TypeVar

from model.errors import Busy

T = TypeVar("T")


class Priority(IntEnum):
    """Who is waiting: a person who clicked, one who asked for a slow preset, a batch, or nobody."""

    INTERACTIVE = 0
    PATIENT = 1
    PREANNOTATION = 2
    LEARNING = 3


@dataclass(order=True, frozen=True, slots=True)
class _Entry:
    priority: Priority
    number: int  # among equals the first comes first
    job: Callable[[], Any] = field(compare=False)
    outcome: Future[Any] = field(compare=False)

    def work(self) -> None:
        try:
            self.outcome.set_result(self.job())
        except Exception as error:  # every failure belongs to the caller, the lane goes on
            self.outcome.set_exception(error)


class Lane:
    """A bounded queue before one worker thread."""

    def __init__(self, capacity: int) -> None:
        """Start the worker; `capacity` jobs may wait besides the one that runs."""
        self._capacity = capacity
        self._waiting: list[_Entry] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False
        self._job_seconds = 1.0
        self._thread = threading.Thread(target=self._work, name="lane", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many jobs wait; the one that runs is not counted."""
        return len(self._waiting)

    def run(self, job: Callable[[], T], priority: Priority) -> T:
        """Wait for the job's turn and return its result, or raise what it raised.

        Raises: Busy when the queue is full or the lane is closed.
        """
        outcome: Future[T] = Future()
        with self._changed:
            self._admit()
            heapq.heappush(self._waiting, _Entry(priority, next(self._numbers), job, outcome))
            self._changed.notify()
        return outcome.result()

    def give_way(self, priority: Priority) -> None:
        """Called by a long job between its steps: more urgent jobs that wait are done here and now."""
        assert threading.current_thread() is self._thread, "only the running job can give way"
        while (entry := self._next_before(priority)) is not None:
            entry.work()

    def close(self) -> None:
        """Finish the running job, turn the waiting ones away, and end the thread."""
        with self._changed:
            self._closed = True
            abandoned, self._waiting = self._waiting, []
            self._changed.notify()
        for entry in abandoned:
            entry.outcome.set_exception(Busy("The server is stopping; try again soon", retry_after=10))
        self._thread.join()

    def _admit(self) -> None:
        if self._closed:
            raise Busy("The server is stopping; try again soon", retry_after=10)
        if len(self._waiting) >= self._capacity:
            seconds = max(1, ceil(len(self._waiting) * self._job_seconds))
            raise Busy(f"{len(self._waiting)} requests are waiting already; try again in {seconds} s", seconds)

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            started = time.monotonic()
            entry.work()
            self._job_seconds += 0.2 * (time.monotonic() - started - self._job_seconds)

    def _next_before(self, priority: Priority) -> _Entry | None:
        with self._changed:
            urgent = bool(self._waiting) and self._waiting[0].priority < priority
            return heapq.heappop(self._waiting) if urgent else None

    def _next(self) -> _Entry | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else heapq.heappop(self._waiting)

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

from model.errors import Busy, Superseded

T = TypeVar("T")

STOPPING = "The server is stopping; try again soon"
NEWER = "Busy with a newer prompt on this picture; click again"


class Priority(IntEnum):
    """Who is waiting: a person who clicked, one who asked for a slow preset, a batch, one who will ask, or nobody.

    A prefetch runs when nothing more urgent wants to, or not at all.
    """

    INTERACTIVE = 0
    PATIENT = 1
    PREANNOTATION = 2
    PREFETCH = 3
    LEARNING = 4


@dataclass(order=True, frozen=True, slots=True)
class _Entry:
    priority: Priority
    number: int  # among equals the first comes first
    job: Callable[[], Any] = field(compare=False)
    key: object = field(compare=False)
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
        self._running: list[_Entry] = []  # the last one runs, the others gave way to it
        self._newest: dict[object, int] = {}  # of each key that waits or runs, the number of its last job
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

    def run(self, job: Callable[[], T], priority: Priority, key: object = None) -> T:
        """Wait for the job's turn and return its result, or raise what it raised.

        `key` names what the job is about, such as one annotator's task: a newer job with that key takes the place of
        an older one, whether that waits or runs and gives way. Raises Superseded for the older one, and for a prefetch
        as soon as anything more urgent wants to run; Busy when the queue is full or the lane is closed.
        """
        outcome: Future[T] = Future()
        with self._changed:
            entry = _Entry(priority, next(self._numbers), job, key, outcome)
            self._make_room(entry)
            self._admit(entry)
            heapq.heappush(self._waiting, entry)
            if key is not None:
                self._newest[key] = entry.number
            self._changed.notify_all()
        return outcome.result()

    def give_way(self, priority: Priority) -> None:
        """Called by a long job between its steps: more urgent jobs that wait are done here and now.

        Raises Superseded where the job itself is no longer wanted, and Busy where learning would hold up the end.
        """
        assert threading.current_thread() is self._thread, "only the running job can give way"
        self._check_wanted()
        while (entry := self._next_before(priority)) is not None:
            self._do(entry)
            self._check_wanted()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until a prefetch could run, at most for some seconds; whether that came about."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._closed and not self._occupied(), seconds)

    def close(self) -> None:
        """Finish the running job, turn the waiting ones away, and end the thread."""
        with self._changed:
            self._closed = True
            abandoned, self._waiting = self._waiting, []
            self._changed.notify_all()
        for entry in abandoned:
            entry.outcome.set_exception(Busy(STOPPING, retry_after=10))
        self._thread.join()

    # Who may wait

    def _make_room(self, newer: _Entry) -> None:
        """Take those out of the queue that a newer job supersedes: older ones of its key, and a prefetch."""
        kept = [each for each in self._waiting if not _supersedes(newer, each)]
        for each in self._waiting:
            if each not in kept:
                each.outcome.set_exception(_superseded())
        heapq.heapify(kept)
        self._waiting = kept

    def _admit(self, entry: _Entry) -> None:
        if self._closed:
            raise Busy(STOPPING, retry_after=10)
        if entry.priority is Priority.PREFETCH and self._occupied():
            raise _superseded()
        requests = sum(each.priority is not Priority.LEARNING for each in self._waiting)  # nobody waits for learning
        if requests >= self._capacity and entry.priority is not Priority.LEARNING:
            seconds = max(1, ceil(requests * self._job_seconds))
            raise Busy(f"{requests} requests are waiting already; try again in {seconds} s", seconds)

    def _occupied(self) -> bool:
        """Whether anything runs or waits that is more urgent than a prefetch."""
        return any(each.priority < Priority.PREFETCH for each in (*self._waiting, *self._running))

    def _check_wanted(self) -> None:
        running = self._running[-1]
        with self._changed:
            if self._closed and running.priority is Priority.LEARNING:
                raise Busy(STOPPING, retry_after=10)
            newer = running.key is not None and self._newest.get(running.key) != running.number
            if newer or (running.priority is Priority.PREFETCH and self._occupied()):
                raise _superseded()

    # The worker

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            self._do(entry)

    def _do(self, entry: _Entry) -> None:
        started = time.monotonic()
        entry.work()
        if entry.priority is not Priority.LEARNING:  # minutes, in which the others had their turn
            self._job_seconds += 0.2 * (time.monotonic() - started - self._job_seconds)
        with self._changed:
            self._running.remove(entry)
            if self._newest.get(entry.key) == entry.number:
                del self._newest[entry.key]
            self._changed.notify_all()

    def _next_before(self, priority: Priority) -> _Entry | None:
        with self._changed:
            urgent = bool(self._waiting) and self._waiting[0].priority < priority
            return self._start() if urgent else None

    def _next(self) -> _Entry | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._start()

    def _start(self) -> _Entry:
        entry = heapq.heappop(self._waiting)
        self._running.append(entry)
        return entry


def _supersedes(newer: _Entry, older: _Entry) -> bool:
    dropped = older.priority is Priority.PREFETCH and newer.priority < Priority.PREFETCH
    return dropped or (newer.key is not None and newer.key == older.key)


def _superseded() -> Superseded:
    return Superseded(NEWER, retry_after=1)

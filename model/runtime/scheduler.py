"""The one thread that owns the accelerator: jobs run one at a time, the most urgent first."""

from __future__ import annotations

import heapq
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from math import ceil, inf
from typing import Any, TypeVar

from model.errors import Busy, Superseded

T = TypeVar("T")

STOPPING = "The server is stopping; try again soon"
NEWER = "Busy with a newer prompt on this picture; click again"
LATE = "Others were served first for too long; ask again"
ENDED = "The thread that runs the models has ended: the server has to be started again"
TIMELESS = inf  # of a job that is wanted whenever it comes
PATIENCE = 300.0  # seconds at one step after which a job counts as one that hangs; ours
STALLED_RETRY = 60  # seconds until a turned away caller may ask again: what hung may have come back, or was restarted


class Priority(IntEnum):
    """Who is waiting: a person who clicked, one who asked for a slow preset, a batch, one who will ask, or nobody.

    A prefetch runs when nothing more urgent wants to, or not at all.
    """

    INTERACTIVE = 0
    PATIENT = 1
    PREANNOTATION = 2
    PREFETCH = 3
    LEARNING = 4


NAMES = {
    Priority.INTERACTIVE: "A prompt",
    Priority.PATIENT: "A prompt under a slow preset",
    Priority.PREANNOTATION: "A pre-annotation",
    Priority.PREFETCH: "A prefetch",
    Priority.LEARNING: "Learning",
}


@dataclass(order=True, frozen=True, slots=True)
class _Entry:
    priority: Priority
    number: int  # among equals the first comes first
    job: Callable[[], Any] = field(compare=False)
    key: object = field(compare=False)
    until: float = field(compare=False)
    stays: bool = field(compare=False)
    outcome: Future[Any] = field(compare=False)

    def work(self) -> None:
        try:
            self.outcome.set_result(self.job())
        except Exception as error:  # every failure belongs to the caller, the lane goes on
            self.outcome.set_exception(error)
        except BaseException as error:  # sys.exit() in a library must end neither the lane's thread nor the caller's
            failure = RuntimeError(f"a job ended with {type(error).__name__}")
            failure.__cause__ = error
            self.outcome.set_exception(failure)

    def refuse(self, refusal: Busy) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(refusal)


class Scheduler:
    """A bounded queue before one worker thread."""

    def __init__(self, capacity: int, patience: float = PATIENCE) -> None:
        """Start the worker; `capacity` jobs may wait besides the one that runs, which has `patience` s for a step."""
        self._capacity, self._patience = capacity, patience
        self._waiting: list[_Entry] = []
        self._running: list[_Entry] = []  # the last one runs, the others gave way to it
        self._newest: dict[object, int] = {}  # of each key that waits or runs, the number of its last job
        self._numbers = count()
        self._changed = threading.Condition()
        self._stopping, self._closed, self._ended = False, False, False
        self._job_seconds = 1.0
        self._moved = time.monotonic()  # when the running job began, or came to its last step
        self._busy, self._busy_since = 0.0, 0.0  # seconds of earlier work; when the present work began
        self._thread = threading.Thread(target=self._work, name="lane", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many jobs wait; the one that runs is not counted."""
        return len(self._waiting)

    @property
    def busy_seconds(self) -> float:
        """For how long jobs have run, all together; of the one that runs, as far as it has come."""
        with self._changed:
            return self._busy + (time.monotonic() - self._busy_since if self._running else 0.0)

    @property
    def stopping(self) -> bool:
        """Whether new jobs are turned away for good."""
        return self._stopping

    @property
    def trouble(self) -> str:
        """What is wrong with the running job or the thread, in one line; empty while all goes on. Waits for nobody."""
        if self._ended:
            return "" if self._closed else ENDED
        running = self._running[-1:]  # before the time is read: a job that starts now has its own
        seconds = time.monotonic() - self._moved
        if not running or seconds <= self._patience:
            return ""
        return f"{NAMES[running[0].priority]} has held the models for {seconds:.0f} s without a step: they seem to hang"

    def stack(self) -> str:
        """Where the lane's thread is, as a traceback shows it; empty where it has ended."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else ""

    def run(
        self, job: Callable[[], T], priority: Priority, key: object = None, until: float = TIMELESS, stays: bool = False
    ) -> T:
        """Wait for the job's turn and return its result, or raise what it raised.

        `key`: what the job is about, such as one annotator's task; a newer job with it replaces an older one. `until`:
        when nobody wants the result any more. `stays`: run it even where the lane is stopped before its turn. Raises
        Superseded for the older job, and for a prefetch as soon as anything more urgent waits; Busy when the queue is
        full, the lane is closed, a job hangs, or at `until`, at the job's next step.
        """
        outcome: Future[T] = Future()
        with self._changed:
            entry = _Entry(priority, next(self._numbers), job, key, until, stays, outcome)
            self._make_room(entry)
            self._admit(entry)
            heapq.heappush(self._waiting, entry)
            if key is not None:
                self._newest[key] = entry.number
            self._changed.notify_all()
        wait([outcome], None if until == TIMELESS else max(0.0, until - time.monotonic()))
        self._drop_late(entry)
        return outcome.result()

    def give_way(self, priority: Priority) -> None:
        """Called by a long job between its steps: more urgent jobs that wait are done here and now.

        Raises Superseded where the job itself is no longer wanted, and Busy where its time is over or a prefetch or
        learning would hold up the end.
        """
        assert threading.current_thread() is self._thread, "only the running job can give way"
        self._moved = time.monotonic()
        self._check_wanted()
        while (entry := self._next_before(priority)) is not None:
            self._do(entry)
            self._check_wanted()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until a prefetch could run, at most for some seconds; whether that came about."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._stopping and not self._occupied(), seconds)

    def stop(self) -> None:
        """Refuse waiting and new jobs, except those that stay; finish the running one, except prefetch and learning."""
        with self._changed:
            self._stopping = True
            self.turn_away(STOPPING, retry_after=10, unless=lambda entry: entry.stays)

    def turn_away(
        self, reason: str, retry_after: int = STALLED_RETRY, unless: Callable[[_Entry], bool] = lambda _: False
    ) -> None:
        """Refuse the waiting jobs; callers may ask again after some seconds."""
        with self._changed:
            abandoned = [entry for entry in self._waiting if not unless(entry)]
            self._waiting = [entry for entry in self._waiting if unless(entry)]
            heapq.heapify(self._waiting)
            for entry in abandoned:
                self._forget(entry)
            self._changed.notify_all()
        for entry in abandoned:
            entry.refuse(Busy(reason, retry_after))

    def close(self) -> None:
        """Finish the running job, turn the waiting ones away, and end the thread."""
        with self._changed:
            self._stopping = self._closed = True
            self.turn_away(STOPPING, retry_after=10)
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
        if self._closed or (self._stopping and not entry.stays):
            raise Busy(STOPPING, retry_after=10)
        if trouble := self.trouble:
            raise Busy(trouble, STALLED_RETRY)
        if entry.priority is Priority.PREFETCH and self._occupied():
            raise _superseded()
        requests = sum(each.priority is not Priority.LEARNING for each in self._waiting)  # nobody waits for learning
        if requests >= self._capacity and entry.priority is not Priority.LEARNING:
            seconds = max(1, ceil(requests * self._job_seconds))
            raise Busy(f"{requests} requests are waiting already; try again in {seconds} s", seconds)

    def _drop_late(self, entry: _Entry) -> None:
        """Take a job that still waits out of the queue."""
        with self._changed:
            if entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
                self._forget(entry)
                entry.refuse(Busy(LATE, retry_after=1))

    def _occupied(self) -> bool:
        """Whether anything runs or waits that is more urgent than a prefetch."""
        return any(each.priority < Priority.PREFETCH for each in (*self._waiting, *self._running))

    def _check_wanted(self) -> None:
        running = self._running[-1]
        with self._changed:
            if self._stopping and running.priority >= Priority.PREFETCH:
                raise Busy(STOPPING, retry_after=10)
            if time.monotonic() > running.until:
                raise Busy(LATE, retry_after=1)
            newer = running.key is not None and self._newest.get(running.key) != running.number
            if newer or (running.priority is Priority.PREFETCH and self._occupied()):
                raise _superseded()

    # The worker

    def _work(self) -> None:
        try:
            while (entry := self._next()) is not None:
                self._do(entry)
        finally:  # whatever ended the thread: nobody is to wait for it
            with self._changed:
                self._ended = True
            for entry in list(self._running):
                entry.refuse(Busy(ENDED, STALLED_RETRY))
            self.turn_away(ENDED)

    def _do(self, entry: _Entry) -> None:
        started = time.monotonic()
        entry.work()
        if entry.priority is not Priority.LEARNING:  # minutes, in which the others had their turn
            self._job_seconds += 0.2 * (time.monotonic() - started - self._job_seconds)
        with self._changed:
            self._running.remove(entry)
            self._moved = time.monotonic()
            if not self._running:
                self._busy += self._moved - self._busy_since
            self._forget(entry)
            self._changed.notify_all()

    def _forget(self, entry: _Entry) -> None:
        if self._newest.get(entry.key) == entry.number:
            del self._newest[entry.key]

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
        self._moved = time.monotonic()
        if not self._running:
            self._busy_since = self._moved
        self._running.append(entry)
        return entry


def _supersedes(newer: _Entry, older: _Entry) -> bool:
    dropped = older.priority is Priority.PREFETCH and newer.priority < Priority.PREFETCH
    return dropped or (newer.key is not None and newer.key == older.key)


def _superseded() -> Superseded:
    return Superseded(NEWER, retry_after=1)

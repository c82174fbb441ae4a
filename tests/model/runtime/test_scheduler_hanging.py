"""A job that hangs, or ends the thread: nobody waits behind it for ever."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from model.errors import Busy
from model.runtime.scheduler import Priority, Scheduler
from tests.model.runtime.test_scheduler import asking


class Clock:
    """A clock that a test sets, in place of the monotonic one."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("model.runtime.scheduler.time", clock)
    return clock


@pytest.fixture
def lane(clock: Clock) -> Iterator[Scheduler]:  # noqa: ARG001  (the clock is in place before the lane reads it)
    lane = Scheduler(capacity=3, patience=300)
    yield lane
    lane.close()


class Hanging:
    """A job that holds the lane until it is let go, and gives way once on the way where it is told to."""

    def __init__(self, lane: Scheduler, priority: Priority) -> None:
        self.lane, self.priority = lane, priority
        self.step, self.stepped, self.go = threading.Event(), threading.Event(), threading.Event()
        self.outcome = asking(lane, self.hang_in_a_driver, priority)

    def hang_in_a_driver(self) -> str:
        assert self.step.wait(60)
        self.lane.give_way(self.priority)
        self.stepped.set()
        assert self.go.wait(60)
        return "back"

    def take_a_step(self) -> None:
        self.step.set()
        assert self.stepped.wait(60)

    def come_back(self) -> object:
        self.step.set()
        self.go.set()
        return self.outcome.result(60)


def started(lane: Scheduler, priority: Priority = Priority.PREANNOTATION) -> Hanging:
    job = Hanging(lane, priority)
    while lane.depth:
        pass
    return job


def test_a_job_without_a_step_is_told_by_name_and_seconds(lane: Scheduler, clock: Clock) -> None:
    job = started(lane)
    clock.now += 300
    assert lane.trouble == ""
    clock.now += 12
    assert lane.trouble == "A pre-annotation has held the models for 312 s without a step: they seem to hang"
    assert "hang_in_a_driver" in lane.stack()
    assert job.come_back() == "back"
    assert lane.trouble == ""


def test_nobody_comes_to_wait_behind_a_job_that_hangs(lane: Scheduler, clock: Clock) -> None:
    job = started(lane)
    clock.now += 301
    with pytest.raises(Busy, match="301 s without a step") as refused:
        lane.run(lambda: None, Priority.INTERACTIVE)
    assert refused.value.retry_after == 60
    job.come_back()
    assert lane.run(lambda: "next", Priority.INTERACTIVE) == "next"


def test_who_waits_already_can_be_turned_away(lane: Scheduler) -> None:
    job = started(lane)
    waiting = asking(lane, lambda: "done", Priority.INTERACTIVE, "task 7")
    lane.turn_away("they hang")
    with pytest.raises(Busy, match="they hang"):
        waiting.result(60)
    assert job.come_back() == "back"
    assert lane.run(lambda: "again", Priority.INTERACTIVE, "task 7") == "again"


def test_a_step_counts_as_progress_of_learning(lane: Scheduler, clock: Clock) -> None:
    job = started(lane, Priority.LEARNING)
    clock.now += 299
    job.take_a_step()
    clock.now += 299
    assert lane.trouble == ""
    clock.now += 2
    assert lane.trouble.startswith("Learning has held the models for 301 s")
    job.come_back()


def test_a_job_that_hangs_while_learning_gives_way_to_it_is_the_one_that_is_named(
    lane: Scheduler, clock: Clock
) -> None:
    learning = started(lane, Priority.LEARNING)
    prompt = asking(lane, lambda: clock.now, Priority.INTERACTIVE)
    hanging = Hanging(lane, Priority.INTERACTIVE)
    learning.step.set()
    prompt.result(60)
    while lane.depth:
        pass
    clock.now += 400
    assert lane.trouble.startswith("A prompt has held the models for 400 s")
    hanging.come_back()
    assert lane.trouble == ""
    learning.come_back()


def test_an_idle_lane_is_in_no_trouble_however_long(lane: Scheduler, clock: Clock) -> None:
    clock.now += 100_000
    assert lane.trouble == ""
    assert lane.run(lambda: "done", Priority.INTERACTIVE) == "done"


def test_a_job_that_exits_ends_neither_the_lane_nor_who_asked(lane: Scheduler) -> None:
    with pytest.raises(RuntimeError, match="a job ended with SystemExit"):
        lane.run(lambda: sys.exit(3), Priority.INTERACTIVE)
    assert lane.run(lambda: "next", Priority.INTERACTIVE) == "next"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_died_leaves_nobody_waiting(lane: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    job = started(lane)
    waiting = asking(lane, lambda: None, Priority.PREANNOTATION)
    monkeypatch.setattr(lane, "_next", dies)
    job.come_back()
    with pytest.raises(Busy, match="has ended"):
        waiting.result(60)
    with pytest.raises(Busy, match="has to be started again"):
        lane.run(lambda: None, Priority.INTERACTIVE)
    assert "has ended" in lane.trouble
    lane._thread.join(60)
    assert lane.stack() == ""


def dies() -> None:
    raise MemoryError("no memory for the queue")

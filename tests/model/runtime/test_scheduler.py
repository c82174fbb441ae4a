import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from model.errors import BadImage, Busy, Superseded
from model.runtime.scheduler import Priority, Scheduler


@pytest.fixture
def lane() -> Iterator[Scheduler]:
    lane = Scheduler(capacity=3)
    yield lane
    lane.close()


class Blocker:
    """Occupies the lane until it is released."""

    def __init__(self, lane: Scheduler) -> None:
        self._started, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lane.run, args=(self._wait, Priority.INTERACTIVE))
        self._thread.start()
        assert self._started.wait(60)

    def _wait(self) -> None:
        self._started.set()
        assert self._go.wait(60)

    def release(self) -> None:
        self._go.set()
        self._thread.join(60)


def queued(lane: Scheduler, job: Callable[[], object], priority: Priority) -> threading.Thread:
    """Send a job from a thread of its own and come back when it waits in the queue."""
    depth = lane.depth
    thread = threading.Thread(target=lane.run, args=(job, priority))
    thread.start()
    while lane.depth == depth:
        pass
    return thread


def test_returns_what_the_job_returns(lane: Scheduler) -> None:
    assert lane.run(lambda: 42, Priority.INTERACTIVE) == 42


def test_an_error_travels_to_the_caller_and_the_next_job_runs(lane: Scheduler) -> None:
    def fail() -> None:
        raise BadImage("no picture")

    with pytest.raises(BadImage, match="no picture"):
        lane.run(fail, Priority.INTERACTIVE)
    assert lane.run(lambda: "next", Priority.INTERACTIVE) == "next"


def test_all_jobs_run_in_one_thread(lane: Scheduler) -> None:
    names = {lane.run(lambda: threading.current_thread().name, priority) for priority in Priority}
    assert names == {"lane"}


def test_the_most_urgent_job_goes_first_and_equals_in_order_of_arrival(lane: Scheduler) -> None:
    blocker, order = Blocker(lane), list[str]()
    threads = [
        queued(lane, lambda: order.append("learning"), Priority.LEARNING),
        queued(lane, lambda: order.append("batch"), Priority.PREANNOTATION),
        queued(lane, lambda: order.append("click"), Priority.INTERACTIVE),
    ]
    blocker.release()
    for thread in threads:
        thread.join(60)
    assert order == ["click", "batch", "learning"]


def test_a_full_queue_is_busy_and_says_when_to_come_back(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    threads = [queued(lane, lambda: None, Priority.INTERACTIVE) for _ in range(3)]
    with pytest.raises(Busy, match="3 requests are waiting") as caught:
        lane.run(lambda: None, Priority.INTERACTIVE)
    blocker.release()
    for thread in threads:
        thread.join(60)
    assert caught.value.retry_after >= 1
    assert lane.run(lambda: "free again", Priority.INTERACTIVE) == "free again"


def test_closing_turns_waiting_jobs_away_and_ends_the_thread() -> None:
    before = set(threading.enumerate())
    lane = Scheduler(capacity=3)
    blocker, refused = Blocker(lane), list[Busy]()

    def ask() -> None:
        with pytest.raises(Busy) as caught:
            lane.run(lambda: None, Priority.PREANNOTATION)
        refused.append(caught.value)

    waiting = threading.Thread(target=ask)
    waiting.start()
    while lane.depth == 0:
        pass
    closing = threading.Thread(target=lane.close)
    closing.start()
    waiting.join(60)
    blocker.release()
    closing.join(60)
    assert len(refused) == 1
    assert set(threading.enumerate()) <= before
    with pytest.raises(Busy, match="stopping"):
        lane.run(lambda: None, Priority.INTERACTIVE)


def test_a_long_job_gives_way_to_a_more_urgent_one(lane: Scheduler) -> None:
    done: list[str] = []
    asked, go = threading.Event(), threading.Event()

    def long() -> None:
        asked.set()
        assert go.wait(60)
        lane.give_way(Priority.PREANNOTATION)
        done.append("long")

    slow = threading.Thread(target=lane.run, args=(long, Priority.PREANNOTATION))
    slow.start()
    assert asked.wait(60)
    click = queued(lane, lambda: done.append("click"), Priority.INTERACTIVE)
    batch = queued(lane, lambda: done.append("batch"), Priority.PREANNOTATION)
    go.set()
    for thread in (slow, click, batch):
        thread.join(60)
    assert done == ["click", "long", "batch"]


def asking(lane: Scheduler, job: Callable[[], object], priority: Priority, key: str | None = None) -> Future[object]:
    """The outcome to be of a job that is sent from a thread of its own, and waits in the queue or runs by now."""
    outcome: Future[object] = Future()
    begun = threading.Event()

    def work() -> object:
        begun.set()
        return job()

    def ask() -> None:
        try:
            outcome.set_result(lane.run(work, priority, key))
        except Busy as refused:
            outcome.set_exception(refused)

    before = lane.depth
    threading.Thread(target=ask).start()
    while lane.depth == before and not begun.is_set():
        pass
    return outcome


def test_a_newer_job_takes_the_place_of_a_waiting_one_with_its_key(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    older = asking(lane, lambda: "older", Priority.INTERACTIVE, "task 7")
    other = asking(lane, lambda: "other", Priority.INTERACTIVE, "task 8")
    newer: list[str] = []
    thread = threading.Thread(target=lambda: newer.append(lane.run(lambda: "newer", Priority.INTERACTIVE, "task 7")))
    thread.start()
    with pytest.raises(Superseded, match="click again"):
        older.result(60)  # it does not wait for the lane
    blocker.release()
    thread.join(60)
    assert (newer, other.result(60)) == (["newer"], "other")


def test_jobs_without_a_key_do_not_supersede_each_other(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    outcomes = [asking(lane, lambda: "done", Priority.PREANNOTATION) for _ in range(2)]
    blocker.release()
    assert [outcome.result(60) for outcome in outcomes] == ["done", "done"]


def test_a_full_queue_still_takes_a_newer_click(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    older = [asking(lane, lambda: "older", Priority.INTERACTIVE, f"task {number}") for number in range(3)]
    newer: list[str] = []
    thread = threading.Thread(target=lambda: newer.append(lane.run(lambda: "newer", Priority.INTERACTIVE, "task 1")))
    thread.start()
    with pytest.raises(Superseded):
        older[1].result(60)
    blocker.release()
    thread.join(60)
    assert (newer, older[0].result(60), older[2].result(60)) == (["newer"], "older", "older")


@pytest.mark.parametrize("newer", [Priority.INTERACTIVE, Priority.PATIENT])
def test_a_long_job_stops_where_it_gives_way_to_a_newer_one_with_its_key(lane: Scheduler, newer: Priority) -> None:
    done: list[str] = []
    started, go = threading.Event(), threading.Event()

    def long() -> None:
        started.set()
        assert go.wait(60)
        lane.give_way(Priority.PATIENT)
        done.append("older")

    older = asking(lane, long, Priority.PATIENT, "task 7")
    assert started.wait(60)
    click = asking(lane, lambda: done.append("newer"), newer, "task 7")
    go.set()
    with pytest.raises(Superseded):
        older.result(60)
    click.result(60)
    assert done == ["newer"]


def test_a_prefetch_is_dropped_as_soon_as_anything_more_urgent_waits(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    with pytest.raises(Superseded):
        lane.run(lambda: None, Priority.PREFETCH)  # the lane is taken already
    blocker.release()
    started, go = threading.Event(), threading.Event()

    def prefetch() -> None:
        started.set()
        assert go.wait(60)
        lane.give_way(Priority.PREFETCH)

    assert lane.wait_idle(5)
    ahead = asking(lane, prefetch, Priority.PREFETCH)
    assert started.wait(60)
    click = asking(lane, lambda: "click", Priority.INTERACTIVE)
    go.set()
    assert click.result(60) == "click"
    with pytest.raises(Superseded):
        ahead.result(60)


def test_learning_does_not_keep_a_prefetch_off(lane: Scheduler) -> None:
    started, go, done = threading.Event(), threading.Event(), list[str]()

    def learn() -> None:
        started.set()
        assert go.wait(60)
        lane.give_way(Priority.LEARNING)
        done.append("learning")

    learning = asking(lane, learn, Priority.LEARNING)
    assert started.wait(60)
    assert lane.wait_idle(0)
    ahead = asking(lane, lambda: done.append("prefetch"), Priority.PREFETCH)
    go.set()
    learning.result(60)
    ahead.result(60)
    assert done == ["prefetch", "learning"]


def test_the_lane_says_when_it_is_not_idle(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    assert not lane.wait_idle(0)
    blocker.release()
    assert lane.wait_idle(5)


def test_learning_that_waits_takes_nobody_s_place() -> None:
    lane = Scheduler(capacity=1)
    blocker, done = Blocker(lane), threading.Event()
    learning = queued(lane, done.set, Priority.LEARNING)
    click = queued(lane, lambda: None, Priority.INTERACTIVE)
    with pytest.raises(Busy):
        lane.run(lambda: None, Priority.INTERACTIVE)
    blocker.release()
    click.join(60)
    learning.join(60)
    assert done.is_set()
    lane.close()


def test_learning_gives_way_to_everything_else_and_says_nothing_of_how_long_they_take(lane: Scheduler) -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[Priority] = []

    def learn() -> None:
        begun.set()
        assert go.wait(60)
        lane.give_way(Priority.LEARNING)
        done.append(Priority.LEARNING)

    learning = threading.Thread(target=lane.run, args=(learn, Priority.LEARNING))
    learning.start()
    assert begun.wait(60)
    urgent = (Priority.INTERACTIVE, Priority.PATIENT, Priority.PREANNOTATION)
    threads = [queued(lane, lambda each=priority: done.append(each), priority) for priority in urgent]  # type: ignore[misc]
    go.set()
    for thread in (*threads, learning):
        thread.join(60)
    assert done == [*urgent, Priority.LEARNING]


@pytest.mark.parametrize("priority", [Priority.PREFETCH, Priority.LEARNING])
def test_closing_ends_what_nobody_waits_for_where_it_gives_way(priority: Priority) -> None:
    lane = Scheduler(capacity=3)
    begun, go, outcome = threading.Event(), threading.Event(), Future[str]()

    def work() -> None:
        begun.set()
        assert go.wait(60)
        while True:
            lane.give_way(priority)

    def run() -> None:
        try:
            lane.run(work, priority)
        except Busy as error:
            outcome.set_result(str(error))

    threading.Thread(target=run).start()
    assert begun.wait(60)
    go.set()
    lane.close()
    assert "stopping" in outcome.result(60)


def test_a_job_that_still_waits_when_its_time_is_over_is_dropped(lane: Scheduler) -> None:
    blocker = Blocker(lane)
    with pytest.raises(Busy, match="Others were served first for too long"):
        lane.run(lambda: 1, Priority.PREANNOTATION, until=time.monotonic() + 0.02)
    assert lane.depth == 0
    blocker.release()
    assert lane.run(lambda: 2, Priority.PREANNOTATION, until=time.monotonic() + 60) == 2


def test_a_job_whose_time_is_over_ends_at_its_next_step(lane: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    until, steps = time.monotonic() + 1000, 0

    def job() -> None:
        nonlocal steps
        for _ in range(3):
            lane.give_way(Priority.PREANNOTATION)
            steps += 1
        monkeypatch.setattr("model.runtime.scheduler.time", SimpleNamespace(monotonic=lambda: until + 1))
        lane.give_way(Priority.PREANNOTATION)
        steps += 1

    with pytest.raises(Busy, match="Others were served first for too long"):
        lane.run(job, Priority.PREANNOTATION, until=until)
    assert steps == 3

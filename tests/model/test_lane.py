import threading
from collections.abc import Callable, Iterator

import pytest

from model.errors import BadImage, Busy
from model.lane import Lane, Priority


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane(capacity=3)
    yield lane
    lane.close()


class Blocker:
    """Occupies the lane until it is released."""

    def __init__(self, lane: Lane) -> None:
        self._started, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lane.run, args=(self._wait, Priority.INTERACTIVE))
        self._thread.start()
        assert self._started.wait(5)

    def _wait(self) -> None:
        self._started.set()
        assert self._go.wait(5)

    def release(self) -> None:
        self._go.set()
        self._thread.join(5)


def queued(lane: Lane, job: Callable[[], object], priority: Priority) -> threading.Thread:
    """Send a job from a thread of its own and come back when it waits in the queue."""
    depth = lane.depth
    thread = threading.Thread(target=lane.run, args=(job, priority))
    thread.start()
    while lane.depth == depth:
        pass
    return thread


def test_returns_what_the_job_returns(lane: Lane) -> None:
    assert lane.run(lambda: 42, Priority.INTERACTIVE) == 42


def test_an_error_travels_to_the_caller_and_the_next_job_runs(lane: Lane) -> None:
    def fail() -> None:
        raise BadImage("no picture")

    with pytest.raises(BadImage, match="no picture"):
        lane.run(fail, Priority.INTERACTIVE)
    assert lane.run(lambda: "next", Priority.INTERACTIVE) == "next"


def test_all_jobs_run_in_one_thread(lane: Lane) -> None:
    names = {lane.run(lambda: threading.current_thread().name, priority) for priority in Priority}
    assert names == {"lane"}


def test_the_most_urgent_job_goes_first_and_equals_in_order_of_arrival(lane: Lane) -> None:
    blocker, order = Blocker(lane), list[str]()
    threads = [
        queued(lane, lambda: order.append("learning"), Priority.LEARNING),
        queued(lane, lambda: order.append("batch"), Priority.PREANNOTATION),
        queued(lane, lambda: order.append("click"), Priority.INTERACTIVE),
    ]
    blocker.release()
    for thread in threads:
        thread.join(5)
    assert order == ["click", "batch", "learning"]


def test_a_full_queue_is_busy_and_says_when_to_come_back(lane: Lane) -> None:
    blocker = Blocker(lane)
    threads = [queued(lane, lambda: None, Priority.INTERACTIVE) for _ in range(3)]
    with pytest.raises(Busy, match="3 requests are waiting") as caught:
        lane.run(lambda: None, Priority.INTERACTIVE)
    blocker.release()
    for thread in threads:
        thread.join(5)
    assert caught.value.retry_after >= 1
    assert lane.run(lambda: "free again", Priority.INTERACTIVE) == "free again"


def test_closing_turns_waiting_jobs_away_and_ends_the_thread() -> None:
    before = set(threading.enumerate())
    lane = Lane(capacity=3)
    blocker, refused = Blocker(lane), list[Busy]()

    def ask() -> None:
        with pytest.raises(Busy) as caught:
            lane.run(lambda: None, Priority.LEARNING)
        refused.append(caught.value)

    waiting = threading.Thread(target=ask)
    waiting.start()
    while lane.depth == 0:
        pass
    closing = threading.Thread(target=lane.close)
    closing.start()
    waiting.join(5)
    blocker.release()
    closing.join(5)
    assert len(refused) == 1
    assert set(threading.enumerate()) <= before
    with pytest.raises(Busy, match="stopping"):
        lane.run(lambda: None, Priority.INTERACTIVE)


def test_a_long_job_gives_way_to_a_more_urgent_one(lane: Lane) -> None:
    done: list[str] = []
    asked, go = threading.Event(), threading.Event()

    def long() -> None:
        asked.set()
        assert go.wait(5)
        lane.give_way(Priority.PREANNOTATION)
        done.append("long")

    slow = threading.Thread(target=lane.run, args=(long, Priority.PREANNOTATION))
    slow.start()
    assert asked.wait(5)
    click = queued(lane, lambda: done.append("click"), Priority.INTERACTIVE)
    batch = queued(lane, lambda: done.append("batch"), Priority.PREANNOTATION)
    go.set()
    for thread in (slow, click, batch):
        thread.join(5)
    assert done == ["click", "long", "batch"]

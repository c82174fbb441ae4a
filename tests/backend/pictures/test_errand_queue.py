import threading

import pytest

from backend.pictures.errand_queue import ErrandQueue
from model.errors import BadImage


def test_the_newest_errand_goes_first_the_oldest_is_dropped_and_a_failure_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = set(threading.enumerate())
    errands, done = ErrandQueue("prefetch", most=3), list[int]()
    started, go, finished = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        started.set()
        assert go.wait(60)

    def fail() -> None:
        raise BadImage("image: 401")

    errands.send(first)
    assert started.wait(60)
    errands.send(lambda: done.append(1))
    errands.send(finished.set)
    errands.send(lambda: done.append(3))
    errands.send(fail)
    with caplog.at_level("INFO"):
        go.set()
        assert finished.wait(60)
        errands.close()
    assert done == [3]
    assert "prefetch: image: 401" in caplog.text
    assert set(threading.enumerate()) <= before

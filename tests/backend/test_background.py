"""Threads that take turns."""

import threading

import pytest

from backend.background import BackgroundWorker, Seldom


class Counting(BackgroundWorker):
    """Counts its turns; every second one fails."""

    def __init__(self) -> None:
        super().__init__("counting")
        self.turns, self.told = threading.Semaphore(0), list[str]()

    def turn(self) -> None:
        """Count, and wait for a call."""
        self.turns.release()
        if len(self.told) % 2 == 0:
            self.told.append("ok")
            return
        raise ValueError("odd")

    def failed(self, error: Exception, pause: float) -> None:
        """Keep what is said."""
        self.told.append(f"{error}, {pause:g} s")


def test_a_turn_that_fails_ends_neither_the_thread_nor_the_next_turn() -> None:
    worker = Counting()
    worker.start()
    for _ in range(3):
        assert worker.turns.acquire(timeout=60)
        worker.wake()
    worker.close()
    assert worker.told[:3] == ["ok", "odd, 2 s", "ok"]


def test_a_worker_that_never_began_is_closed_at_once() -> None:
    Counting().close()


def test_one_line_a_minute_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Seldom()
    assert [line.due, line.due] == [True, False]
    monkeypatch.setattr("time.monotonic", lambda: 1e12)
    assert line.due

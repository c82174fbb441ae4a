"""Batches: they end in time, and let whoever clicks go first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from backend.settings import Settings
from model.types import Answer, Image, Query
from tests.backend.calls import point, predict, task
from tests.backend.clients import SETTINGS, client_of, masks, results
from tests.backend.colour_engine import ColourEngine

SECONDS = 2.0  # that a picture takes in the tests below


@dataclass(frozen=True)
class Slow(ColourEngine):
    """An engine that lets the clock go on while it works."""

    elapsed: list[float] = field(default_factory=list)

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        """Take some seconds of the clock that the test shows."""
        self.elapsed.append(SECONDS)
        return super().segment(image, query, give_way)


def test_a_batch_of_fifty_is_answered_in_time_as_far_as_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Slow()
    client = client_of(engine, replace(SETTINGS, batch_deadline=Settings().batch_deadline))
    monkeypatch.setattr(time, "monotonic", lambda: sum(engine.elapsed))
    answers = results(client.post("/predict", json=predict([task(number) for number in range(50)])))
    reached = int(Settings().batch_deadline / SECONDS)
    assert sum(map(bool, answers)) == reached, "which groups they were is the threads' affair"
    assert [answer for answer in answers if not answer] == [[]] * (50 - reached)
    assert sum(engine.elapsed) < 100  # seconds, after which Label Studio throws the answer away


@dataclass(frozen=True)
class Obliging(ColourEngine):
    """An engine whose batches give way until somebody has clicked."""

    begun: threading.Event = field(default_factory=threading.Event)
    clicked: threading.Event = field(default_factory=threading.Event)

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        """Answer a click at once, and anything else after one."""
        if query.hints:
            self.clicked.set()
        else:
            self.begun.set()
        while not self.clicked.is_set():
            give_way()
        return super().segment(image, query, give_way)


def test_a_click_is_answered_while_a_batch_goes_on() -> None:
    engine = Obliging()
    client = client_of(engine)
    reached: list[bool] = []

    def batch() -> None:
        answers = results(client.application.test_client().post("/predict", json=predict([task(1), task(2), task(3)])))
        reached.extend(bool(answer) for answer in answers)

    running = threading.Thread(target=batch)
    running.start()
    assert engine.begun.wait(60)
    [answer] = results(client.post("/predict", json=predict([task(4)], context=point(25, 25))))
    running.join(60)
    assert masks(answer)[0].any()
    assert reached == [True, True, True]

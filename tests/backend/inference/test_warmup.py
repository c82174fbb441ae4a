"""What is asked ahead of the annotators, on which devices, and that nobody hears of its failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pytest

from backend.inference.model_loader import ModelLoader
from backend.inference.warmup import GREY, questions, rehearse
from model.errors import OutOfMemory, Superseded
from model.runtime.scheduler import Priority, Scheduler
from model.types import Answer, Clause, Image, Query
from tests.backend.colour_engine import ready


class Listening:
    """An engine that notes what it is asked; it fails with some errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.asked: list[Query] = []
        self.errors = list(errors)

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        assert image is GREY
        give_way()
        if self.errors:
            raise self.errors.pop(0)
        self.asked.append(query)
        return Answer(())

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None]
    ) -> tuple[Callable[[], Answer], ...]:
        return tuple(ready(self.segment(image, query, give_way)) for image in images)


@pytest.fixture
def lane() -> Iterator[Scheduler]:
    with closing(Scheduler(capacity=3)) as lane:
        yield lane


def held(lane: Scheduler, engine: Listening, device: str = "cuda") -> list[Query]:
    """What an engine was asked in a rehearsal that is over."""
    rehearse(lane, ModelLoader(lambda: engine), lambda: device, "balanced")
    return engine.asked


def test_a_text_under_the_preset_a_click_and_a_box_are_asked(lane: Scheduler) -> None:
    text, click, box = held(lane, Listening())
    assert (len(text.clauses), text.preset) == (1, "balanced")
    assert click.hints[0].points
    assert box.hints[0].box


def test_nothing_is_asked_where_nothing_is_recorded(lane: Scheduler) -> None:
    assert held(lane, Listening(), "cpu") == []


def test_a_question_that_a_click_interrupts_is_asked_again(lane: Scheduler) -> None:
    interruption = Superseded("a click came in between", retry_after=1)
    assert held(lane, Listening(interruption, interruption)) == [*questions("balanced")]


def test_nobody_hears_of_a_failure(lane: Scheduler, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "backend"):
        assert held(lane, Listening(OutOfMemory("too little memory"))) == []
    assert "rehearsal: too little memory" in caplog.text


def test_it_waits_for_whoever_works(lane: Scheduler) -> None:
    started, begun, go, engine = threading.Event(), threading.Event(), threading.Event(), Listening()

    def device() -> str:
        begun.set()
        return "cuda"

    def click() -> None:
        started.set()
        assert go.wait(60)

    working = threading.Thread(target=lane.run, args=(click, Priority.INTERACTIVE))
    working.start()
    assert started.wait(60)
    rehearsing = threading.Thread(target=rehearse, args=(lane, ModelLoader(lambda: engine), device, "balanced"))
    rehearsing.start()
    assert begun.wait(60)
    assert engine.asked == []
    go.set()
    for each in (working, rehearsing):
        each.join(60)
    assert engine.asked == [*questions("balanced")]

"""Masks are drawn while the models work for others, and a picture whose masks cannot be drawn costs itself alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest

from backend.inference.infer import TOGETHER
from model.errors import OutOfMemory
from model.types import Answer, Image, Query
from tests.backend import calls
from tests.backend.clients import client_of, masks, results, status_text
from tests.backend.colour_engine import ColourEngine

BLACK = calls.data_uri(np.zeros((20, 30, 3), np.uint8))
FAILURES = [(OutOfMemory("too little memory"), "507 too little"), (KeyError("a bug"), "500 Unexpected")]


@dataclass(frozen=True)
class Drawing(ColourEngine):
    """Calls `before` with a picture before it draws what a text found there; `asked` has how many were looked at."""

    before: Callable[[Image], object] = lambda _: None
    asked: list[int] = field(default_factory=list)

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None] = lambda: None
    ) -> tuple[Callable[[], Answer], ...]:
        draws = super().find_each(images, query, give_way)
        self.asked.append(len(images))
        if query.hints:
            return draws
        return tuple(partial(self._draw, image, draw) for image, draw in zip(images, draws, strict=True))

    def _draw(self, image: Image, draw: Callable[[], Answer]) -> Answer:
        self.before(image)
        return draw()


@pytest.mark.parametrize("count", [1, 2, TOGETHER + 1], ids=["alone", "together", "in groups"])
def test_a_click_is_answered_while_the_masks_of_others_are_drawn(count: int) -> None:
    drawing, clicked, answers = threading.Event(), threading.Event(), list[Any]()

    def wait(_: Image) -> None:
        drawing.set()
        assert clicked.wait(60)

    client = client_of(Drawing(before=wait))
    tasks = calls.predict([calls.task(number) for number in range(1, count + 1)])
    other = client.application.test_client()
    batch = threading.Thread(target=lambda: answers.extend(results(other.post("/predict", json=tasks))))
    batch.start()
    assert drawing.wait(60)
    [click] = results(client.post("/predict", json=calls.predict([calls.task(99)], context=calls.point(25, 25))))
    clicked.set()
    batch.join(60)
    assert len(masks(click)) == 1
    assert [len(masks(answer)) for answer in answers] == [2] * count


def black(error: Exception) -> Drawing:
    """Fails to draw black pictures."""

    def fail(image: Image) -> None:
        if not image.any():
            raise error

    return Drawing(before=fail)


@pytest.mark.parametrize(("error", "_"), FAILURES, ids=["memory", "bug"])
def test_of_a_group_the_task_whose_drawing_fails_has_no_answer(error: Exception, _: str) -> None:
    engine = black(error)
    tasks = [calls.task(1), calls.task(2, BLACK), calls.task(3)]
    answers = results(client_of(engine).post("/predict", json=calls.predict(tasks)))
    assert [bool(answer) for answer in answers] == [True, False, True]
    assert engine.asked == [3], "the models are not asked again"


@pytest.mark.parametrize(("error", "status"), FAILURES, ids=["memory", "bug"])
def test_a_drawing_that_fails_is_told(error: Exception, status: str) -> None:
    client, task = client_of(black(error)), calls.task(1, BLACK)
    assert client.post("/predict", json=calls.predict([task])).status.startswith(status)
    [prompted] = results(client.post("/predict", json=calls.predict([task], context=calls.text("red"))))
    assert status_text(prompted).startswith(status.partition(" ")[2])

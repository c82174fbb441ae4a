"""What annotators read in the status area: Label Studio shows them nothing else when something goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient

from backend.labelstudio import results as results_module
from backend.prompting import prompts
from backend.prompting.marks import grouped
from model.types import Answer, Clause, Image, Query, Segment
from tests.backend import calls, picture_server
from tests.backend.clients import SETTINGS, client_of, results, status_text
from tests.backend.colour_engine import ColourEngine
from tests.backend.configs import A, B
from tests.backend.items import box, point, read_prompts, text


def said(client: FlaskClient, context: object, config: str = calls.BITMASK, url: str | None = None) -> str:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task(1, url)], config, context)))
    return status_text(prediction)


@pytest.mark.parametrize("config", [calls.BITMASK, calls.BITMASK.replace("<Bitmask ", "<Brush ")])
def test_how_many_regions_and_how_sure(config: str) -> None:
    client = client_of(ColourEngine())
    assert said(client, calls.text("red; blue"), config) == "2 regions, best 0.90"
    assert said(client, calls.text("green"), config) == "no green found in the picture"


@pytest.mark.parametrize(("path", "message"), [("/locked/a.png", "401"), ("/gone/a.png", "404")])
def test_what_is_wrong_with_the_picture(path: str, message: str) -> None:
    with picture_server.serving() as url:
        client = client_of(ColourEngine(), replace(SETTINGS, label_studio_url=url))
        told = said(client, calls.text("red"), url=path)
    assert told.startswith(f"image: {message}")
    assert ("ANYWORD_LABEL_STUDIO_API_KEY" in told) == (message == "401")


class Slow(ColourEngine):
    """An engine that answers one after the other, when it is told to."""

    started, go = threading.Event(), threading.Event()

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        self.started.set()
        assert self.go.wait(60)
        return super().segment(image, query, give_way)


def test_a_full_queue_is_told_in_the_status_area() -> None:
    engine = Slow()
    client = client_of(engine, replace(SETTINGS, queue_size=1))
    app = client.application
    told: dict[int, str] = {}

    def ask(number: int) -> None:
        tasks = [calls.task(number)]
        body = calls.predict(tasks, context=calls.point(25, 25))
        [prediction] = results(app.test_client().post("/predict", json=body))
        told[number] = status_text(prediction)

    threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
    threads[0].start()
    assert engine.started.wait(60)
    threads[1].start()
    while "anyword_queue_depth 1.0" not in client.get("/metrics").get_data(as_text=True):
        pass
    ask(3)
    engine.go.set()
    for thread in threads:
        thread.join(60)
    assert told[3].startswith("busy, click again: 1 requests are waiting already")
    assert told[1] == told[2] == "1 region, best 0.80"


@pytest.mark.parametrize("config", [A, B])
def test_of_a_click_with_a_text_no_clause_is_called_unclear(config: str) -> None:
    one = read_prompts(text("the brown dog; the dog"), point(50, 50), box(40, 40, 20, 20), xml=config)
    assert one is not None
    request = prompts.asked(one, grouped(one.marks))
    answer = Answer((Segment(np.ones((240, 320), np.bool_), 0.9, clause=1, hint=0),))
    assert request.query.clauses == (Clause("the brown dog"), Clause("the dog"))
    assert results_module.message(answer, request) == "1 region, best 0.90"

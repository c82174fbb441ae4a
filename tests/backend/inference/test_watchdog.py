"""A job that hangs in the lane: what the operator reads, and what annotators get."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import Counter

from backend.inference import watchdog
from backend.inference.watchdog import Watchdog
from backend.server.app import close, stop
from model.runtime.scheduler import Priority, Scheduler
from model.types import Answer, Image, Query
from tests.backend import calls
from tests.backend.clients import SETTINGS, client_of, results, status_text
from tests.backend.colour_engine import ColourEngine
from tests.backend.server.test_openapi import described
from tests.faults.waiting import until
from tests.model.runtime.test_scheduler import Blocker, asking


def test_what_hangs_is_logged_once_with_its_stack_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    lane, stalls = Scheduler(capacity=3, patience=0), Counter("stalls", "", registry=None)
    dog = Watchdog(lane, stalls)
    blocker = Blocker(lane)
    until("it counts as one that hangs", lambda: bool(lane.trouble))
    for _ in range(2):
        dog.look_once()
    [line] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "A prompt has held the models for 0 s without a step" in line.getMessage()
    assert "in _wait" in line.getMessage(), "where the lane's thread is"
    assert stalls._value.get() == 1
    blocker.release()
    dog.look_once()
    assert caplog.records[-1].getMessage() == "The job that hung has come back, and the lane goes on"
    lane.close()


def test_who_waits_behind_it_is_turned_away() -> None:
    lane = Scheduler(capacity=3)
    blocker = Blocker(lane)
    waiting = asking(lane, lambda: None, Priority.PREANNOTATION)
    lane._patience = 0.0
    dog = Watchdog(lane, Counter("stalls", "", registry=None))
    until("it counts as one that hangs", lambda: bool(lane.trouble))
    dog.look_once()
    assert "without a step" in str(waiting.exception(5))
    blocker.release()
    lane.close()


class Hanging(ColourEngine):
    """An engine that hangs until it is let go."""

    started, go = threading.Event(), threading.Event()

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        self.started.set()
        assert self.go.wait(60)
        return super().segment(image, query, give_way)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(watchdog, "LOOK", 0.02)
    client = client_of(Hanging(), replace(SETTINGS, stall_seconds=0.2, prefetch=0))
    yield client
    Hanging.go.set()
    close(client.application)


def asked(app: Flask, answers: list[Any]) -> threading.Thread:
    """Ask for a pre-annotation in a thread of its own."""
    ask = lambda: answers.append(app.test_client().post("/predict", json=calls.predict([calls.task()])))  # noqa: E731
    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_health_says_so_until_the_job_comes_back(client: FlaskClient) -> None:
    answers: list[Any] = []
    thread = asked(client.application, answers)
    assert Hanging.started.wait(60)
    until("health is bad", lambda: client.get("/health").status_code == 503)
    told = client.get("/health").get_json()
    assert (told["status"], told["model_class"]) == ("DOWN", "Anyword")
    assert "A pre-annotation has held the models for" in told["error"]
    assert client.get("/ready").get_json()["status"] == "stalled"
    for path in ("/health", "/ready"):
        described("get", path, client.get(path))
    refused = client.post("/predict", json=calls.predict([calls.task(2)]))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert "they seem to hang" in refused.status
    counted = "anyword_lane_stalls_total 1.0"
    until("it is counted", lambda: counted in client.get("/metrics").get_data(as_text=True))
    Hanging.go.set()
    thread.join(60)
    assert len(results(answers[0])[0]["result"]) > 0
    assert client.get("/health").get_json() == {"status": "UP", "model_class": "Anyword"}
    assert client.get("/ready").status_code == 200
    assert results(client.post("/predict", json=calls.predict([calls.task(3)])))


def test_a_server_that_stops_is_not_ready_and_lives(client: FlaskClient) -> None:
    stop(client.application)
    assert client.get("/ready").get_json()["status"] == "stopping"
    described("get", "/ready", client.get("/ready"))
    assert client.get("/health").status_code == 200
    refused = client.post("/predict", json=calls.predict([calls.task()]))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    [answer] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red"))))
    assert status_text(answer) == "busy, click again: The server is stopping; try again soon"

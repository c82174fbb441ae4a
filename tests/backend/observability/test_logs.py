"""The log: what stands in each line, and what never does."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from backend.inference.model_loader import EngineProtocol
from backend.observability import logs
from backend.pictures.errand_queue import ErrandQueue
from backend.server.app import close
from backend.server.child_process import free_port, running
from backend.settings import Settings
from model.errors import OutOfMemory
from model.types import Answer, Image, Query
from tests.backend import calls
from tests.backend.clients import SETTINGS, client_of, opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.log_lines import logged
from tests.backend.secrets import EVERYTHING, HOOK, SECRETS, guarded, provoke
from tests.backend.site import Site

JSON = replace(SETTINGS, log_format="json")
STAGES = {"fetch", "prompt", "wait", "segment", "draw", "encode"}
NUMBER = r"\d+\.\d+"


@dataclass(frozen=True)
class Talking(ColourEngine):
    """Logs while it works, waits for `go`, and then fails with `error`, if there is one."""

    error: Exception | None = None
    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        self.begun.release()
        assert self.go.wait(60)
        logging.getLogger("model.engine").info("At work")
        if self.error is not None:
            raise self.error
        return super().segment(image, query, give_way)


def talking(error: Exception | None = None) -> Talking:
    """One that does not wait."""
    engine = Talking(error=error)
    engine.go.set()
    return engine


def app_with(settings: Settings, engine: EngineProtocol) -> Flask:
    return opened(settings, load=lambda: engine)


def ask(client: FlaskClient, request: str = "abc-1", context: object = None) -> None:
    client.post("/predict", json=calls.predict([calls.task(7)], context=context), headers={"X-Request-ID": request})


# What stands in a line


def test_a_request_and_its_task_have_a_line_each_with_ids_and_times() -> None:
    with logged(JSON) as log:
        ask(client_of(ColourEngine()))
    told = log.entry("Task answered")
    assert (told["request"], told["project"], told["task"]) == ("abc-1", "1", "7")
    assert (told["regions"], told["level"], told["logger"]) == (2, "INFO", "backend.observability.instrument")
    assert told.keys() >= STAGES
    assert 0 < sum(told[stage] for stage in STAGES) <= told["seconds"] + 0.0005  # each is rounded
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["time"])
    answered = log.entry("Request answered")
    assert (answered["request"], answered["project"], answered["method"]) == ("abc-1", "1", "POST")
    assert (answered["route"], answered["status"]) == ("/predict", 200)
    assert answered["seconds"] >= told["seconds"]


def test_a_text_line_can_be_read() -> None:
    with logged(SETTINGS) as log:
        ask(client_of(ColourEngine()))
    [line] = [line for line in log.lines if "Task answered" in line]
    times = " ".join(f"{stage}={NUMBER}" for stage in ("fetch", "prompt", "wait", "segment", "draw", "encode"))
    ids = "request=abc-1 project=1 task=7"
    head = r"\S+Z INFO backend\.observability\.instrument: Task answered"
    assert re.fullmatch(f"{head} {ids} {times} regions=2 seconds={NUMBER}", line)


def test_lines_of_the_lanes_thread_belong_to_the_request_they_work_for() -> None:
    with logged(JSON) as log:
        ask(client_of(talking()), "one")
    told = log.entry("At work")
    assert (told["request"], told["project"], told["task"]) == ("one", "1", "7")


def test_an_errand_belongs_to_the_request_that_sent_it() -> None:
    errands, done = ErrandQueue("later", 1), threading.Event()

    def errand() -> None:
        logging.getLogger("backend").info("Later")
        done.set()

    with logged(JSON) as log:
        with logs.about(request="one"):
            errands.send(errand)
        assert done.wait(60)
        errands.close()
    assert log.entry("Later")["request"] == "one"


def test_requests_at_the_same_time_keep_their_lines_apart() -> None:
    engine, numbers = Talking(), ["r0", "r1", "r2"]
    app = app_with(JSON, engine)
    with logged(JSON) as log, ThreadPoolExecutor() as pool:
        asked = [pool.submit(ask, app.test_client(), number) for number in numbers]
        assert engine.begun.acquire(timeout=60)
        engine.go.set()
        for each in asked:
            each.result(60)
    assert sorted(entry["request"] for entry in log.entries if entry["message"] == "At work") == numbers


def test_what_is_logged_outside_of_requests_belongs_to_none() -> None:
    with logged(JSON) as log:
        ask(client_of(ColourEngine()))
        logging.getLogger("backend").info("Nobody asked")
    assert log.entry("Nobody asked").keys() == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "anna@example.org", "1\n2", "ü"])
def test_an_id_that_is_no_harmless_one_is_replaced(given: str) -> None:
    client = client_of(ColourEngine())
    environ = {"HTTP_X_REQUEST_ID": given}
    made = [client.get("/health", environ_overrides=environ).headers["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
    assert made[0] != made[1]


def test_the_answer_brings_the_id_back_also_with_an_error() -> None:
    client = client_of(ColourEngine())
    for path, status in (("/health", 200), ("/nothing", 404)):
        response = client.get(path, headers={"X-Request-ID": "abc-1"})
        assert (response.status_code, response.headers["X-Request-ID"]) == (status, "abc-1")


def test_a_failure_is_told_with_its_kind_and_reason() -> None:
    with logged(JSON) as log:
        ask(client_of(talking(OutOfMemory("too little memory"))))
    told, refused = log.entry("Task refused"), log.entry("Request refused")
    assert (told["kind"], told["reason"], told["level"]) == ("OutOfMemory", "too little memory", "WARNING")
    assert told.keys() >= {"fetch", "prompt", "wait", "segment", "seconds"}
    assert (refused["kind"], refused["status"]) == ("OutOfMemory", 507)


def test_tasks_after_the_deadline_are_told_too() -> None:
    client = client_of(ColourEngine(), replace(JSON, batch_deadline=0))
    with logged(JSON) as log:
        client.post("/predict", json=calls.predict([calls.task(7), calls.task(8)]))
    assert [(each["task"], each["kind"]) for each in log.entries if each["message"] == "Task refused"] == [
        ("7", "NotReached"),
        ("8", "NotReached"),
    ]


def test_an_unexpected_error_stays_one_object_with_its_traceback() -> None:
    with logged(JSON) as log:
        ask(client_of(talking(ValueError("a bug\nin two lines"))))
    [told] = [entry for entry in log.entries if "traceback" in entry]
    assert (told["level"], told["request"]) == ("ERROR", "abc-1")
    assert told["traceback"].startswith("Traceback")
    assert told["traceback"].endswith("ValueError: a bug\nin two lines")


def test_nobody_writes_lines_of_his_own_into_the_text() -> None:
    with logged(SETTINGS) as log:
        ask(client_of(talking(ValueError("one\n2026-11-21T00:00:00.000Z ERROR forged"))))
        logging.getLogger("backend").info("%s", "first\r\nsecond\x1b[31m\u2028third")
    forged = [line for line in log.lines if "forged" in line]
    assert forged
    assert all(line.startswith("    ") for line in forged)
    assert log.lines[-1].endswith(r"INFO backend: first\r\nsecond\x1b[31m\u2028third")


def test_probes_are_told_where_all_is_told_or_where_they_fail() -> None:
    for level, expected in (("INFO", ["/predict"]), ("DEBUG", ["/health", "/metrics", "/predict"])):
        client = client_of(ColourEngine())
        with logged(replace(JSON, log_level=level)) as log:
            client.get("/health")
            client.get("/metrics")
            ask(client)
        assert [each["route"] for each in log.entries if each["message"] == "Request answered"] == expected


# What never stands in one


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_and_no_pixel_is_logged(site: Site, log_format: str) -> None:
    settings = replace(guarded(site), log_level="DEBUG", log_format=log_format)
    with logged(settings) as log:
        for engine in (ColourEngine(), talking(ValueError(EVERYTHING))):
            app = app_with(settings, engine)
            provoke(app.test_client(), site)
            close(app)
    text = log.text.replace('\\"', '"')
    assert [secret for secret in SECRETS if secret in text] == []
    for said in ("Task answered", "Task refused", "Request refused", "ValueError", "gone.png", "The answer:"):
        assert said in text


def test_what_was_typed_is_told_at_debug_only() -> None:
    for level, told in (("INFO", False), ("DEBUG", True)):
        with logged(replace(JSON, log_level=level)) as log:
            for typed in ("a green zebra", "zebra " * 200):  # which is not there, and which is too long
                ask(client_of(ColourEngine()), context=calls.text(typed))
        assert ("zebra" in log.text) is told
        assert {"Request answered"} <= {entry["message"] for entry in log.entries}


def test_other_peoples_loggers_stay_quiet_at_debug() -> None:
    with logged(replace(SETTINGS, log_level="DEBUG")) as log:
        logging.getLogger("urllib3.connectionpool").debug("GET /a.png")
        logging.getLogger("PIL.TiffImagePlugin").debug("tag: GPSInfo")
        logging.getLogger("urllib3.connectionpool").warning("Pool is full")
    assert [line.partition(": ")[2] for line in log.lines] == ["Pool is full"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("GET http://anna:geheim@host/a?b=c HTTP", "GET http://...@host/a?... HTTP"),
        ("from data:image/png;base64,AAAA' on", "from data:...' on"),
        ("POST /webhook/abc?x=y done", "POST /webhook/... done"),
        ("by anna.b+c@example.org, today", "by ...@..., today"),
        ("did you mean this? yes", "did you mean this? yes"),
    ],
)
def test_what_is_cut_out_of_a_message(said: str, told: str) -> None:
    with logged(JSON) as log:
        logging.getLogger("backend").warning("%s", said)
    assert log.entries[0]["message"] == told


def test_short_passwords_are_not_cut_out_of_words() -> None:
    with logged(replace(JSON, basic_auth_user="anna", basic_auth_password="on")) as log:
        logging.getLogger("backend").warning("a button")
    assert log.entries[0]["message"] == "a button"


def test_the_databases_password_is_cut_out() -> None:
    with logged(replace(JSON, database="postgresql://anyword:pass-w0rd-1@db/anyword")) as log:
        logging.getLogger("backend").warning("tried pass-w0rd-1 at postgresql://anyword:pass-w0rd-1@db/anyword")
    assert log.entries[0]["message"] == "tried ... at postgresql://...@db/anyword"


def test_who_formats_lines_otherwise_sees_the_fields_too(caplog: pytest.LogCaptureFixture) -> None:
    ask(client_of(talking(OutOfMemory("too little memory"))))
    refused = caplog.messages[0]
    assert refused.startswith("Task refused request=abc-1 project=1 task=7 fetch=")
    assert 'kind=OutOfMemory reason="too little memory"' in refused


# The server process


def test_every_line_of_the_server_process_is_an_object(tmp_path: Path) -> None:
    environ = {"ANYWORD_LOG_FORMAT": "json", "ANYWORD_BACKBONE": "/nowhere", "ANYWORD_WEBHOOK_SECRET": HOOK}
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
    with running(command, {**environ, "ANYWORD_LOG_LEVEL": "DEBUG"}, log, (f"http://127.0.0.1:{port}/health", 120)):
        requests.post(f"http://127.0.0.1:{port}/webhook/{HOOK}", data=b"{", timeout=60)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"gunicorn.error", "backend.observability.instrument"} <= {line["logger"] for line in lines}
    assert any(line.get("route") == "/webhook/<path:secret>" for line in lines)
    assert HOOK not in log.read_text()

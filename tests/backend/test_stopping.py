"""What becomes of requests, corrections and learning when the server's process is told to end."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from backend.batch import ABREAST, TOGETHER
from backend.process import free_port, running
from backend.store import facts, runs
from backend.store.database import Database
from tests.backend import calls
from tests.backend.site import PNG, Answer, Seen, serving
from tests.faults.studio import Studio, configured, task
from tests.faults.waiting import until

MASK = np.zeros((60, 80), np.bool_)
MASK[10:30, 20:50] = True
STUDIO = Studio(configured(["red", "blue"]))
ANNOTATED = STUDIO.annotated(1, task(1, calls.data_uri(calls.picture())), {"red": [MASK]})


@dataclass
class Gate:
    """Where the server's engine waits; `knocks` has an entry for each time that it came there."""

    knocks: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)
    opened: threading.Event = field(default_factory=threading.Event)

    def asked(self, _: Seen) -> Answer:
        self.knocks.put(None)
        assert self.opened.wait(60)
        return 200, {"Content-Length": str(len(PNG))}, PNG


@dataclass(frozen=True)
class Stoppable:
    """A server process with a gate in its lane."""

    url: str
    process: subprocess.Popen[bytes]
    gate: Gate
    log: Path
    pool: ThreadPoolExecutor

    def ask(self, *numbers: int) -> Future[requests.Response]:
        """Send tasks for pre-annotation."""
        body = calls.predict([calls.task(number) for number in numbers])
        return self.pool.submit(requests.post, f"{self.url}/predict", json=body, timeout=60)

    def tell(self, event: dict[str, Any]) -> int:
        return requests.post(f"{self.url}/webhook", json=event, timeout=60).status_code

    def terminate(self) -> None:
        """Send SIGTERM, and come back when the server refuses what is new."""
        self.process.send_signal(signal.SIGTERM)
        until("refuses", lambda: requests.get(f"{self.url}/ready", timeout=60).json()["status"] == "stopping")

    @property
    def waiting(self) -> bool:
        return "anyword_queue_depth 1.0" in requests.get(f"{self.url}/metrics", timeout=60).text

    @contextmanager
    def database(self) -> Iterator[Any]:
        opened = Database(f"sqlite:///{self.log.with_suffix('.db')}")
        with opened.reading() as connection:
            yield connection
        opened.close()


@contextmanager
def gated(log: Path, environ: dict[str, str]) -> Iterator[Stoppable]:
    """A server with a gate, whose engine loads in no time."""
    port, gate = free_port(), Gate()
    url = f"http://127.0.0.1:{port}"
    with serving() as site, ThreadPoolExecutor() as pool:
        site.routes["/"] = gate.asked
        command = [sys.executable, "-m", "tests.backend.gated_server", str(port), f"{site.url}/"]
        with running(command, environ, log, (f"{url}/ready", 60)) as process:
            yield Stoppable(url, process, gate, log, pool)
            gate.opened.set()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Stoppable]:
    with gated(tmp_path / "log", {}) as server:
        yield server
    assert "Traceback" not in server.log.read_text()


def test_what_runs_is_answered_and_what_comes_is_refused(server: Stoppable) -> None:
    assert server.tell(ANNOTATED) == 200
    first = server.ask(1)
    server.gate.knocks.get(timeout=60)
    queued = server.ask(2)
    until("queued", lambda: server.waiting)
    server.terminate()
    for refused in (queued.result(60), server.ask(3).result(60)):
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        assert "stopping" in refused.reason
    assert requests.get(f"{server.url}/health", timeout=60).status_code == 200, "it is not to be killed"
    assert server.tell(STUDIO.annotated(2, task(2, "b.png"), {"blue": [MASK]})) == 200
    assert not first.done()
    server.gate.opened.set()
    assert len(first.result(60).json()["results"][0]["result"]) > 0
    assert server.process.wait(60) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/health", timeout=60)
    with server.database() as connection:
        told = {each.id for each in facts.annotations(connection, STUDIO.key)}
        assert len(told) + len(facts.pending(connection, 10)) == 2, "nothing that was recorded is lost"


def test_a_batch_ends_after_the_tasks_that_had_begun(server: Stoppable) -> None:
    """Three groups are under way at a time: their tasks are answered, the others are for the next process."""
    batch = server.ask(*range(5 * TOGETHER))
    server.gate.knocks.get(timeout=60)
    server.terminate()
    server.gate.opened.set()
    response = batch.result(60)
    answered = [bool(answer) for answer in response.json()["results"]]
    groups = [set(answered[at : at + TOGETHER]) for at in range(0, len(answered), TOGETHER)]
    assert response.status_code == 200
    assert all(len(group) == 1 for group in groups), "tasks that are computed together end together"
    assert 1 <= groups.count({True}) <= ABREAST
    assert server.process.wait(60) == 0


def test_a_batch_whose_pictures_were_being_fetched_is_answered(tmp_path: Path) -> None:
    """Nothing of it was in the models' queue yet when the server was told to end."""
    arrived, go = threading.Event(), threading.Event()

    def slow(_: Seen) -> Answer:
        arrived.set()
        assert go.wait(60)
        return 200, {}, calls.png(calls.picture())

    reach = {"ANYWORD_IMAGE_HOSTS": "127.0.0.0/8, localhost"}
    with gated(tmp_path / "log", reach) as server, serving() as site:
        server.gate.opened.set()
        site.routes["/slow.png"] = slow
        body = calls.predict([calls.task(number, url=f"{site.url}/slow.png") for number in range(2)])
        batch = server.pool.submit(requests.post, f"{server.url}/predict", json=body, timeout=60)
        assert arrived.wait(60)
        server.terminate()
        go.set()
        answer = batch.result(60)
        assert answer.status_code == 200
        first, second = answer.json()["results"]
        assert first["result"]
        assert second == [], "its picture was not asked for yet"
        assert server.process.wait(60) == 0


def test_learning_gives_its_lease_back(server: Stoppable) -> None:
    assert server.tell(ANNOTATED) == 200
    assert server.tell(STUDIO.event("START_TRAINING")) == 200
    server.gate.knocks.get(timeout=60)
    server.process.send_signal(signal.SIGTERM)
    server.gate.opened.set()
    assert server.process.wait(60) == 0
    with server.database() as connection:
        run = runs.current(connection, STUDIO.key)
    assert run is not None
    assert run.expires <= datetime.now(UTC)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(server: Stoppable, second: signal.Signals) -> None:
    unanswered = server.ask(1)
    server.gate.knocks.get(timeout=60)
    server.terminate()
    server.process.send_signal(second)
    assert server.process.wait(60) == 0
    with pytest.raises(requests.ConnectionError):
        unanswered.result(60)


def test_a_worker_whose_models_hang_is_replaced(tmp_path: Path) -> None:
    with gated(tmp_path / "log", {"ANYWORD_STALL_SECONDS": "1", "HEARTBEAT": "2"}) as server:
        unanswered = server.ask(1)
        until("hangs", lambda: requests.get(f"{server.url}/health", timeout=60).status_code == 503)
        with pytest.raises(requests.ConnectionError):
            unanswered.result(60)
        until("another worker", lambda: requests.get(f"{server.url}/ready", timeout=60).status_code == 200)
        server.gate.opened.set()
        assert server.ask(2).result(60).status_code == 200
        log = server.log.read_text()
    assert log.count("A pre-annotation has held the models for") == 1
    assert "in segment" in log, "the stack of the lane's thread"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_under_the_log_costs_nothing(tmp_path: Path) -> None:
    with gated(Path("/dev/full"), {"ANYWORD_DATABASE": f"sqlite:///{tmp_path}/x.db"}) as server:
        server.gate.opened.set()
        assert server.ask(1).result(60).json()["results"][0]["result"]
        assert server.tell(ANNOTATED) == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0

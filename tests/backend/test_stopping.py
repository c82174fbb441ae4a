"""What becomes of requests, corrections and learning when the server's process is told to end."""

from __future__ import annotations

import os
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

from backend.inference.infer import TOGETHER
from backend.server.child_process import free_port, running
from backend.store import annotation_rows, runs
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
    """Where the server waits; `knocks` has an entry for each time that it came there."""

    knocks: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)
    opened: threading.Event = field(default_factory=threading.Event)

    def asked(self, _: Seen) -> Answer:
        self.knocks.put(None)
        assert self.opened.wait(60)
        return 200, {"Content-Length": str(len(PNG))}, PNG


@dataclass(frozen=True)
class Stoppable:
    """A server process with a gate in its lane, one before the picture at `slow`, and one before a second worker."""

    url: str
    process: subprocess.Popen[bytes]
    gate: Gate
    pictures: Gate
    slow: str
    boot: Gate
    log: Path
    pool: ThreadPoolExecutor

    def ask(self, *numbers: int) -> Future[requests.Response]:
        """Send tasks for pre-annotation."""
        return self.send(calls.predict([calls.task(number) for number in numbers]))

    def send(self, body: dict[str, Any]) -> Future[requests.Response]:
        return self.pool.submit(requests.post, f"{self.url}/predict", json=body, timeout=60)

    def tell(self, event: dict[str, Any]) -> int:
        return requests.post(f"{self.url}/webhook", json=event, timeout=60).status_code

    def terminate(self) -> None:
        """Send SIGTERM, and come back when the server refuses what is new."""
        self.process.send_signal(signal.SIGTERM)
        until("refuses", lambda: requests.get(f"{self.url}/ready", timeout=60).json()["status"] == "stopping")

    @property
    def workers(self) -> list[int]:
        """The processes that the first one has started."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

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
    port, gate, pictures, boot = free_port(), Gate(), Gate(), Gate()
    url = f"http://127.0.0.1:{port}"
    with serving() as site, ThreadPoolExecutor() as pool:
        site.routes.update({"/": gate.asked, "/slow.png": pictures.asked, "/boot": boot.asked})
        command = [sys.executable, "-m", "tests.backend.gated_server", str(port), f"{site.url}/"]
        with running(command, {"ANYWORD_IMAGE_HOSTS": "private", **environ}, log, (f"{url}/ready", 60)) as process:
            yield Stoppable(url, process, gate, pictures, f"{site.url}/slow.png", boot, log, pool)
            for each in (gate, pictures, boot):
                each.opened.set()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Stoppable]:
    with gated(tmp_path / "log", {}) as server:
        yield server
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "The interpreter ends" not in log, "it would take seconds to free the models"


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
        told = {each.id for each in annotation_rows.annotations(connection, STUDIO.key)}
        assert len(told) + len(annotation_rows.pending(connection, 10)) == 2, "nothing that was recorded is lost"


def test_a_batch_ends_after_the_tasks_that_are_computed_together(server: Stoppable) -> None:
    batch = server.ask(*range(2 * TOGETHER))
    server.gate.knocks.get(timeout=60)
    server.terminate()
    server.gate.opened.set()
    answered = [bool(answer) for answer in batch.result(60).json()["results"]]
    done, left = [True] * TOGETHER, [False] * TOGETHER
    assert answered in (done + left, left + done)
    assert server.process.wait(60) == 0


def test_a_batch_that_waits_behind_a_prompt_gets_its_first_tasks_done(server: Stoppable) -> None:
    prompt = server.send(calls.predict([calls.task(99)], context=calls.text("red")))
    server.gate.knocks.get(timeout=60)
    batch = server.ask(*range(2 * TOGETHER))
    until("queued", lambda: server.waiting)
    server.terminate()
    server.gate.opened.set()
    assert len(prompt.result(60).json()["results"][0]["result"]) > 0
    answered = [bool(answer) for answer in batch.result(60).json()["results"]]
    assert sorted(answered) == [False] * TOGETHER + [True] * TOGETHER
    assert server.process.wait(60) == 0


@pytest.mark.parametrize("others", [0, 2])
def test_a_request_whose_picture_is_on_its_way_is_answered(server: Stoppable, others: int) -> None:
    tasks = [calls.task(0, server.slow), *(calls.task(number) for number in range(1, others + 1))]
    batch = server.send(calls.predict(tasks))
    server.pictures.knocks.get(timeout=60)
    server.terminate()
    server.gate.opened.set()
    server.pictures.opened.set()
    answers = batch.result(60).json()["results"]
    assert [type(answer) for answer in answers] == [dict, *[list] * others], "later tasks are not begun"
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
        server.boot.opened.set()
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


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list processes under /proc")
def test_the_port_answers_while_a_killed_worker_is_replaced(server: Stoppable) -> None:
    server.gate.opened.set()
    for _ in range(2):  # the second one before it serves
        [worker] = server.workers
        os.kill(worker, signal.SIGKILL)
        server.boot.knocks.get(timeout=60)
        health = requests.get(f"{server.url}/health", timeout=60)
        assert (health.status_code, health.json()["status"]) == (200, "restarting")
        ready = requests.get(f"{server.url}/ready", timeout=60)
        assert (ready.status_code, ready.json()["status"]) == (503, "restarting")
        refused = server.ask(1).result(60)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert refused.reason == refused.json()["error"] == "The server is restarting; try again in 5 s"
    server.boot.opened.set()
    until("another worker", lambda: requests.get(f"{server.url}/ready", timeout=60).status_code == 200)
    assert server.ask(1).result(60).status_code == 200
    until("only the main thread", lambda: len(list(Path(f"/proc/{server.process.pid}/task").iterdir())) == 1)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not list processes under /proc")
def test_a_server_that_replaces_its_worker_can_be_stopped(server: Stoppable) -> None:
    [worker] = server.workers
    os.kill(worker, signal.SIGKILL)
    server.boot.knocks.get(timeout=60)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0, "although the worker never comes up"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/health", timeout=60)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_under_the_log_costs_nothing(tmp_path: Path) -> None:
    with gated(Path("/dev/full"), {"ANYWORD_DATABASE": f"sqlite:///{tmp_path}/x.db"}) as server:
        server.gate.opened.set()
        assert server.ask(1).result(60).json()["results"][0]["result"]
        assert server.tell(ANNOTATED) == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0

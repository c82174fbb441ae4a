"""What answers on the port while no worker does, and how it hands the port over."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests

from backend.server.openapi import description
from backend.server.stand_in import MOST, RESTARTING, PortHandover, StandIn, answer
from tests.backend.server.test_openapi import validator


@dataclass(frozen=True)
class Office:
    """A listening socket, the thread before it, and a worker's end of the line."""

    listener: socket.socket
    stand_in: StandIn
    worker: socket.socket

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"


@pytest.fixture
def office() -> Iterator[Office]:
    before = set(threading.enumerate())
    line, stand_in = PortHandover(), StandIn()
    with socket.create_server(("127.0.0.1", 0)) as listener, line.worker.dup() as worker:
        listener.setblocking(False)
        stand_in.start(listener, line)
        yield Office(listener, stand_in, worker)
        stand_in.stop()
    assert set(threading.enumerate()) <= before


def test_it_is_alive_but_not_ready(office: Office) -> None:
    health = requests.get(f"{office.url}/health?x=1", timeout=10)
    assert (health.status_code, health.json()) == (200, {"status": "restarting", "model_class": "Anyword"})
    ready = requests.get(f"{office.url}/ready", timeout=10)
    assert (ready.status_code, ready.json()) == (503, {"status": "restarting", "error": RESTARTING})
    assert ready.headers["Retry-After"] == "5"


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook/secret"])
def test_a_client_that_sends_megabytes_sees_the_answer(office: Office, path: str) -> None:
    refused = requests.post(f"{office.url}{path}", data=bytes(8_000_000), timeout=30)
    assert (refused.status_code, refused.reason, refused.json()) == (503, RESTARTING, {"error": RESTARTING})


def test_a_client_that_says_nothing_holds_up_nobody(office: Office) -> None:
    place = office.listener.getsockname()
    with socket.create_connection(place), socket.create_connection(place) as slow:
        slow.sendall(b"GET /hea")
        assert requests.get(f"{office.url}/health", timeout=10).status_code == 200


def test_a_worker_that_asks_is_alone_with_the_port(office: Office) -> None:
    place = office.listener.getsockname()
    with socket.create_connection(place) as earlier:
        earlier.sendall(b"GET /ready HTTP/1.1\r\n")
        assert requests.get(f"{office.url}/health", timeout=10).status_code == 200  # `earlier` is accepted by now
        office.worker.sendall(b"?")
        assert office.worker.recv(1) == b"!"
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(requests.get, f"{office.url}/health", timeout=10)
            office.listener.setblocking(True)
            client, _ = office.listener.accept()
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 204 by the worker\r\nConnection: close\r\n\r\n")
            assert asked.result(10).reason == "by the worker"
        earlier.sendall(b"\r\n")
        assert earlier.recv(12) == b"HTTP/1.1 503", "what it has begun is finished"


def test_it_goes_on_when_the_worker_dies_before_it_serves(office: Office) -> None:
    office.worker.close()
    assert requests.get(f"{office.url}/health", timeout=10).json()["status"] == "restarting"
    office.stand_in.stop()
    office.stand_in.start(office.listener, PortHandover())
    assert requests.get(f"{office.url}/health", timeout=10).json()["status"] == "restarting"


def test_a_worker_need_not_wait_for_one_that_has_stopped() -> None:
    line = PortHandover()
    line.take_over()
    assert line.worker.fileno() == -1


@pytest.mark.parametrize("head", [b"", b"GET", b"\xff\xfe \x00", b"GET  HTTP/1.1"])
def test_a_head_that_is_no_http_is_refused(head: bytes) -> None:
    assert answer(head).startswith(b"HTTP/1.1 503 ")


def test_head_has_no_body() -> None:
    assert answer(b"HEAD /health HTTP/1.1").partition(b"\r\n\r\n")[2] == b""


def test_too_many_connections_are_closed(office: Office) -> None:
    place = office.listener.getsockname()
    silent = [socket.create_connection(place) for _ in range(MOST)]
    with socket.create_connection(place) as another:
        assert another.recv(1) == b""
    for each in silent:
        each.close()


@pytest.mark.parametrize(("path", "status"), [("/health", "200"), ("/ready", "503")])
def test_its_answers_are_described(path: str, status: str) -> None:
    body = json.loads(answer(f"GET {path} HTTP/1.1".encode()).partition(b"\r\n\r\n")[2])
    content = description()["paths"][path]["get"]["responses"][status]["content"]["application/json"]
    assert [error.message for error in validator(content["schema"]).iter_errors(body)] == []

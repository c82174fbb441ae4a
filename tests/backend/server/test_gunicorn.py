"""The server as a process: what only gunicorn and a real connection show."""

import gzip
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from backend.server.child_process import ROOT, free_port, running
from tests.backend import calls
from tests.faults.waiting import until

SLOW = """
import os, socket, sys
from backend import __main__
from backend.server import app
from tests.backend.colour_engine import ColourEngine

def load(_):  # until the test hangs up
    socket.create_connection(("127.0.0.1", gate)).recv(1)
    yield ColourEngine()

gate, app.load_models = int(sys.argv[1]), load
sys.exit(__main__.main(sys.argv[2:], os.environ))
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    nowhere = {
        "ANYWORD_BACKBONE": "/nowhere",
        "ANYWORD_BASIC_AUTH_USER": "anna",
        "ANYWORD_BASIC_AUTH_PASSWORD": "secret",
    }
    command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
    log = tmp_path_factory.mktemp("serving") / "log"
    with running(command, nowhere, log, (f"{address}/health", 120)):
        yield address
    assert "Traceback" not in log.read_text().split("The model did not load")[0]


def test_a_reason_phrase_reaches_the_client(url: str) -> None:
    body = {"project": "1.1", "schema": calls.WITHOUT_MASK}
    response = requests.post(f"{url}/setup", json=body, auth=("anna", "secret"), timeout=60)
    assert (response.status_code, response.reason) == (422, "Labeling config needs <Brush> or <Bitmask>")


def test_a_client_that_sends_40_megabytes_sees_the_answer(url: str) -> None:
    head = {"Content-Type": "application/json"}
    response = requests.post(
        f"{url}/predict", data=bytes(40_000_000), headers=head, auth=("anna", "secret"), timeout=60
    )
    assert (response.status_code, response.reason) == (413, "The request has 40 MB, ANYWORD_MAX_BODY_MB is 32")


@pytest.mark.parametrize("path", ["/predict", "/webhook"])
def test_a_body_in_chunks_that_goes_on_behind_the_limit_is_too_large(url: str, path: str) -> None:
    head = {"Content-Type": "application/json"}
    chunks = (b" " * 1_000_000 for _ in range(40))
    response = requests.post(f"{url}{path}", data=chunks, headers=head, auth=("anna", "secret"), timeout=60)
    said = "The request has more than 32 MB, which is ANYWORD_MAX_BODY_MB"
    assert (response.status_code, response.reason) == (413, said)


def test_a_packed_body_is_refused_by_name(url: str) -> None:
    head = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b"{}")
    response = requests.post(f"{url}/predict", data=body, headers=head, auth=("anna", "secret"), timeout=60)
    assert (response.status_code, response.reason) == (
        415,
        "Content encoding is gzip, but the body has to be sent as it is",
    )


def test_a_connection_is_refused_without_the_password(url: str) -> None:
    assert requests.get(f"{url}/versions", timeout=60).status_code == 401


def test_health_answers_long_before_the_model_is_loaded(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    with ExitStack() as loading, socket.create_server(("127.0.0.1", 0)) as gate:
        command = [sys.executable, "-c", SLOW, str(gate.getsockname()[1]), "serve", "--port", str(port)]
        with running(command, {}, tmp_path / "log", (f"{url}/health", 120)):
            loader = loading.enter_context(gate.accept()[0])
            assert requests.get(f"{url}/ready", timeout=60).status_code == 503, "it loads"
            assert requests.get(f"{url}/health", timeout=60).status_code == 200
            loader.close()
            until("it is loaded", lambda: requests.get(f"{url}/ready", timeout=60).status_code == 200)


def test_a_database_that_cannot_be_opened_ends_the_server_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backend", "serve", "--port", str(free_port())]
    environ = {**os.environ, "ANYWORD_DATABASE": f"sqlite:///{tmp_path}/missing/x.db"}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert f"python -m backend: ANYWORD_DATABASE: The database {tmp_path}/missing/x.db cannot be opened" in ended.stderr
    assert "Traceback" not in ended.stderr

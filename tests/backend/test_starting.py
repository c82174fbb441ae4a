"""What an operator reads who starts the server in a wrong way, or ends it while it starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.server.child_process import ROOT, free_port
from backend.server.gunicorn import KEPT, NEW, Worker


@contextmanager
def started(folder: Path, *python: str) -> Iterator[subprocess.Popen[str]]:
    """A server in a process group of its own, as a terminal starts it."""
    command = [sys.executable, *python, "-m", "backend", "serve", "--port", str(free_port())]
    environ = {**os.environ, "ANYWORD_DATABASE": f"sqlite:///{folder}/x.db"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("python", "event"),
    [
        (["-X", "importtime"], "backend.pictures.network.urls"),  # on the way to backend.settings
        (["-X", "importtime"], "gunicorn.util"),
        ([], "Starting gunicorn"),
        ([], "Booting worker"),
    ],
)
def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(tmp_path: Path, python: list[str], event: str) -> None:
    with started(tmp_path, *python) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if event in line)
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()  # to the end: until the last process of the group is gone
        assert process.wait(60) in (0, -signal.SIGINT)
    assert "Traceback" not in said


def test_a_port_that_is_taken_ends_it_at_once_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"python -m backend: Port {port} of 127.0.0.1 cannot be opened: another program listens")
    assert ended.returncode == 2


@pytest.mark.parametrize("host", ["http://127.0.0.1", "192.0.2.1", "2001:db8::1"])
def test_an_address_that_is_not_this_machine_s_ends_it_with_one_line(host: str) -> None:
    command = [sys.executable, "-m", "backend", "serve", "--host", host, "--port", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    [line] = ended.stderr.splitlines()
    assert line.startswith("python -m backend: ")
    assert "ANYWORD_HOST, --host" in line


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ANYWORD_DATABASE", "anyword.db", "ANYWORD_DATABASE is no database URL"),
        ("ANYWORD_DATABASE", "sqlite:///file:anyword.db?uri=true", "address of SQLite's own"),
        ("ANYWORD_LOCAL_FILES_ROOT", "x" * 5000, "cannot be read"),
    ],
)
def test_a_place_that_no_server_can_use_ends_it_with_one_line(variable: str, value: str, said: str) -> None:
    command = [sys.executable, "-m", "backend", "serve", "--port", "0"]
    environ = {**os.environ, variable: value}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"python -m backend: {variable}")
    assert said in line
    assert ended.returncode == 2


def test_idle_connections_do_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.server.gunicorn.time", SimpleNamespace(monotonic=lambda: 100.0))
    worker = Worker.__new__(Worker)
    kept, silent = SimpleNamespace(timeout=102.0), SimpleNamespace(timeout=110.0)
    worker.keepalived_conns, worker.pending_conns = deque([kept]), deque([silent])
    worker._cap_keepalive(102.0)
    assert (kept.timeout, silent.timeout) == (100 + KEPT, 100 + NEW)

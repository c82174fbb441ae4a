"""Our own server as a child process, for the demo, the benchmarks and the end-to-end test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from backend.settings import PREFIX

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(settings: Mapping[str, str], log: Path, seconds: float = 120) -> Iterator[str]:
    """Run `python -m backend serve` with these variables until the block ends; gives its address once it is ready.

    Raises: RuntimeError with the end of its log where it is not ready after `seconds`.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
    with running(command, {**settings, "PYTHONUNBUFFERED": "1"}, log, (f"{url}/ready", seconds)):
        yield url


@contextmanager
def running(
    command: list[str], environ: Mapping[str, str], log: Path, probe: tuple[str, float]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; the block starts when the address in `probe` answers, within its seconds."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "LABEL_STUDIO"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**inherited, "ANYWORD_DATABASE": f"sqlite:///{log.with_suffix('.db').resolve()}", **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, log, *probe)
            yield process
        finally:
            process.terminate()
            process.wait(130)  # ours gives what runs 110 s


def _wait(process: subprocess.Popen[bytes], log: Path, url: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            state = "is not ready" if process.poll() is None else f"ended with {process.returncode}"
            raise RuntimeError(f"{url} {state}:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):  # not open yet, or open and busy with importing
        return False

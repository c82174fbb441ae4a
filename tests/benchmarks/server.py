"""Our own server as a process that is measured, and connections to it that are held open."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from backend.server.child_process import free_port, running

DRIP = 1.0  # seconds between two bytes of a request that is sent slowly
SLOWEST = 10.0  # seconds until an answer or the end of a connection


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """The embedded models, a database of its own and the pictures of a folder; gives address and process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
    environ = {"ANYWORD_LOCAL_FILES_ROOT": str(folder), "PYTHONUNBUFFERED": "1", **settings}
    with running(command, environ, folder / "log", (f"{url}/ready", 120)) as process:
        yield url, psutil.Process(process.pid)


def opened(url: str) -> socket.socket:
    """A connection to a server."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), SLOWEST)


@contextmanager
def held_open(url: str, beginnings: Sequence[bytes]) -> Iterator[None]:
    """Connections that sent these bytes and then stay, each with one byte more every second, until the block ends."""
    over = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        connections = [stack.enter_context(opened(url)) for _ in beginnings]
        for connection, beginning in zip(connections, beginnings, strict=True):
            connection.sendall(beginning)
        begun = [each for each, beginning in zip(connections, beginnings, strict=True) if beginning]
        pool.submit(_drip, begun, over)
        stack.callback(over.set)
        yield


def _drip(connections: Sequence[socket.socket], over: threading.Event) -> None:
    left = list(connections)
    while left and not over.wait(DRIP):
        for connection in list(left):
            try:
                connection.send(b"x")
            except OSError:  # the server has had enough of it
                left.remove(connection)

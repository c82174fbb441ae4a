"""Clients that stop sending: the server ends their requests, and answers others meanwhile."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from backend.server.child_process import free_port, running

SERVER = """
import os, sys
from gunicorn.workers import gthread
from backend import __main__
from backend.server import gunicorn
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 1e6  # a thread that gunicorn lets wait for a first byte would wait for ever
gunicorn.ARRIVING = 0.5
sys.exit(__main__.main(sys.argv[1:], os.environ))
"""
THREADS = 2
HEAD = b"POST /setup HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
PATIENCE = 60  # seconds; a server whose threads are all held never answers


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    chosen = free_port()
    command = [sys.executable, "-c", SERVER, "serve", "--port", str(chosen)]
    environ = {"ANYWORD_BACKBONE": "/nowhere", "ANYWORD_THREADS": str(THREADS)}
    log = tmp_path_factory.mktemp("slow") / "log"
    with running(command, environ, log, (f"http://127.0.0.1:{chosen}/health", 60)):
        yield chosen


@contextmanager
def connections(port: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    """More connections than there are threads, each with this much of a request."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE)) for _ in range(2 * THREADS)
        ]
        for connection in opened:
            connection.sendall(beginning)
        yield opened


def test_connections_without_a_byte_hold_up_nobody(port: int) -> None:
    with connections(port, b""):
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE).ok


@pytest.mark.parametrize(
    ("beginning", "answer"),
    [
        (b"POST /set", b""),
        (HEAD, b""),
        (HEAD + b'Content-Length: 100\r\n\r\n{"a', b"HTTP/1.1 400 "),
        (HEAD + b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"a', b"HTTP/1.1 400 "),
    ],
)
def test_a_request_that_does_not_go_on_is_ended(port: int, beginning: bytes, answer: bytes) -> None:
    with connections(port, beginning) as opened:
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE).ok
        assert [connection.recv(len(answer) or 1) for connection in opened] == [answer] * len(opened)


@pytest.mark.parametrize("chunk", [b"\r\nZZ\r\n{}\r\n0\r\n\r\n", b"\r\n-5\r\n{}\r\n0\r\n\r\n"])
def test_chunks_that_are_none_are_refused(port: int, chunk: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n" + chunk)
        assert connection.recv(13) == b"HTTP/1.1 400 "

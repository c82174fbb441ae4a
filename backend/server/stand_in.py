"""Answer on the server's port while no worker does: after a worker was killed, until the next one has its app."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial

RETRY = 5  # heuristic: seconds in which a new worker imports its app; its models may load for longer
RESTARTING = f"The server is restarting; try again in {RETRY} s"
HEAD = 65_536  # bytes that a request's head may have
MOST = 200  # heuristic: connections at a time, far below the usual limit of 1,024 open files
PATIENCE = 20.0  # seconds for a whole request, as a worker gives it
LINGER = 2.0  # heuristic: seconds for connections that are open when a worker takes the port over


class PortHandover:
    """A pair of sockets, made before a fork, by which a worker asks the stand-in for the port."""

    def __init__(self) -> None:
        self.stand_in, self.worker = socket.socketpair()

    def take_over(self) -> None:
        """Called by the worker: come back once the stand-in accepts no more connections, or is gone."""
        self.stand_in.close()  # else the end of the other process would go unnoticed
        with self.worker, contextlib.suppress(OSError):
            self.worker.sendall(b"?")
            self.worker.recv(1)


class StandIn:
    """A thread of the first process, which runs only while no worker accepts connections."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] = lambda: None

    def start(self, listener: socket.socket, line: PortHandover) -> None:
        """Accept connections until the worker at the other end of the line wants to, or until `stop`."""
        line.worker.close()
        ready = threading.Event()
        work = partial(self._work, listener, line.stand_in, ready)
        self._thread = threading.Thread(target=work, name="stand-in", daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """End the thread: a process forks safely only without threads."""
        if self._thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._stop()
            self._thread.join()
            self._thread = None

    def _work(self, listener: socket.socket, line: socket.socket, ready: threading.Event) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the main thread
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._serve(listener, line, ready))

    async def _serve(self, listener: socket.socket, line: socket.socket, ready: threading.Event) -> None:
        loop, serving = asyncio.get_running_loop(), asyncio.current_task()
        assert serving is not None
        self._stop = partial(loop.call_soon_threadsafe, serving.cancel)
        talks: set[asyncio.Task[None]] = set()
        with line:
            line.setblocking(False)
            loop.add_reader(listener, _accept, listener, talks)
            ready.set()
            try:
                await _asked(line)
            finally:
                loop.remove_reader(listener)
            with contextlib.suppress(OSError):
                await loop.sock_sendall(line, b"!")
        if talks:
            await asyncio.wait(talks, timeout=LINGER)


def answer(head: bytes) -> bytes:
    """The response to a request, given its head: alive, but not ready."""
    method, target = [*head.decode("latin-1").partition("\r\n")[0].split(" "), "", ""][:2]
    status, extra, said = "503 " + RESTARTING, f"Retry-After: {RETRY}\r\n", {"error": RESTARTING}
    match target.partition("?")[0]:
        case "/health":
            status, extra, said = "200 OK", "", {"status": "restarting", "model_class": "Anyword"}
        case "/ready":
            said = {"status": "restarting", **said}
    body = json.dumps(said).encode()
    lines = f"HTTP/1.1 {status}\r\n{extra}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{lines}Connection: close\r\n\r\n".encode() + (b"" if method == "HEAD" else body)


async def _asked(line: socket.socket) -> None:
    """Wait until the worker asks for the port; for ever where it dies before it does."""
    loop = asyncio.get_running_loop()
    if not await loop.sock_recv(line, 1):
        await loop.create_future()


def _accept(listener: socket.socket, talks: set[asyncio.Task[None]]) -> None:
    with contextlib.suppress(OSError):  # the client has gone again, or too many files are open
        client, _ = listener.accept()
        if len(talks) >= MOST:
            client.close()
            return
        talk = asyncio.get_running_loop().create_task(_talk(client))
        talks.add(talk)
        talk.add_done_callback(talks.discard)


async def _talk(client: socket.socket) -> None:
    """Answer one request, and read on to its end: a client that still sends would see a reset, not the answer."""
    with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(sock=client, limit=HEAD)
            with contextlib.closing(writer):
                writer.write(answer(await reader.readuntil(b"\r\n\r\n")))
                writer.write_eof()
                while await reader.read(HEAD):
                    pass

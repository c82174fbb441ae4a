"""A web server on the loopback that never comes to an end."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Muttering(socketserver.BaseRequestHandler):
    """Goes on for ever with headers, with announcements of an answer, or with the length of a chunk."""

    def handle(self) -> None:
        path = self.request.recv(4096).split()[1]
        begin, word = {
            b"/headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
            b"/continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            b"/chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        }[path]
        self.request.sendall(begin)
        with suppress(ConnectionError):  # until the other side has had enough
            while not self.server.over.wait(0.01):  # type: ignore[attr-defined]
                self.request.sendall(word)


@contextmanager
def muttering() -> Iterator[str]:
    """The address of such a server; each of its paths never ends in a way of its own."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Muttering) as server:
        server.over = over = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        over.set()
        server.shutdown()
        thread.join()

"""A Label Studio stand-in that serves pictures on the loopback, and refuses some."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.backend.calls import picture, png

PNG = png(picture(240, 320))
PAGE = b"<!DOCTYPE html><html><body>Log in</body></html>"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = 401 if "/locked/" in self.path else 404 if "/gone/" in self.path else 200
        body = PAGE if "/page/" in self.path else PNG
        self.send_response(status)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve a picture of 320 x 240 pixels under every path, but not below /locked/, /gone/ and /page/."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()

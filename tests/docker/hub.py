"""A hub on loopback with one repository: what the real one says of files, and their bytes, by ranges or broken off."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from huggingface_hub import HfApi

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000  # bytes; from here on a file counts as stored in LFS, with a SHA-256


@dataclass
class Hub:
    """`files` as they are; `sent` in their place where a download is spoiled; `stop_after` that many bytes once."""

    files: dict[str, bytes]
    sent: dict[str, bytes] = field(default_factory=dict)
    stop_after: int | None = None
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    endpoint: str = ""

    def api(self) -> HfApi:
        """The client that asks this hub."""
        return HfApi(endpoint=self.endpoint)

    def entries(self) -> list[dict[str, object]]:
        """The tree as the hub's API tells it."""
        return [_entry(path, body) for path, body in self.files.items()]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "/tree/" in path:
            self._json(self.hub.entries())
        elif path.startswith("/api/models/"):
            self._json({"id": "somebody/something", "sha": COMMIT})
        else:
            self._file(path.partition(f"/resolve/{COMMIT}/")[2])

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _json(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, path: str) -> None:
        wanted = self.headers.get("Range", "")
        self.hub.asked.append((path, wanted))
        body = self.hub.sent.get(path, self.hub.files[path])
        start = int(wanted.removeprefix("bytes=").removesuffix("-") or 0) if self.hub.ranges else 0
        self.send_response(206 if self.hub.ranges and wanted else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop, self.hub.stop_after = self.hub.stop_after, None
        self.wfile.write(body[start:][:stop])


def _entry(path: str, body: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(body), "oid": blob}
    if len(body) < LARGE:
        return entry
    return entry | {"lfs": {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}}

"""A web server on the loopback, and loading pictures from it: what the tests of pictures and downloads share."""

from __future__ import annotations

import contextlib
import io
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from backend.pictures.images import Images, ImageSource
from backend.pictures.network.allowed_hosts import reach_of
from model.errors import BadImage

COLOUR = (200, 30, 90)
Answer = tuple[int, dict[str, str], bytes | Iterable[bytes]]


def file_of(picture: Picture.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


PNG = file_of(Picture.new("RGB", (7, 5), COLOUR))


@dataclass(frozen=True)
class Seen:
    """A request that the server got."""

    path: str
    authorization: str | None
    body: bytes = b""
    host: str = ""


@dataclass(frozen=True)
class Site:
    """A web server: an answer for each path (without its query), and the requests it has seen."""

    url: str
    routes: dict[str, Callable[[Seen], Answer]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    @property
    def keys(self) -> list[str | None]:
        return [seen.authorization for seen in self.seen]

    @property
    def hosts(self) -> list[str]:
        return [seen.host for seen in self.seen]


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A server that answers 404 until it is given routes; with `tls` it speaks https."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            authorization, host = self.headers.get("Authorization"), self.headers.get("Host", "")
            seen = Seen(self.path, authorization, self.rfile.read(length), host)
            site.seen.append(seen)
            status, headers, body = site.routes.get(self.path.partition("?")[0], status_only(404))(seen)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client may have had enough
                self.wfile.writelines([body] if isinstance(body, bytes) else body)

        do_POST = do_PATCH = do_GET  # noqa: N815  (the names that the library looks for)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the output of the tests clean."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Keep a client that does not trust the certificate out of the output."""
            if tls is None:
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        site = Site(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def png(_: Seen) -> Answer:
    return 200, {"Content-Type": "image/png", "Content-Length": str(len(PNG))}, PNG


def status_only(status: int, **headers: str) -> Callable[[Seen], Answer]:
    return lambda _: (status, headers, b"")


def redirect(target: str) -> Callable[[Seen], Answer]:
    return status_only(302, Location=target)


@contextmanager
def loader(**source: Any) -> Iterator[Images]:
    """Loads pictures, also from the sites of the tests."""
    defaults: dict[str, Any] = {"timeout_s": 5.0, "reach": reach_of("public, private")}
    loading = Images(ImageSource(**(defaults | source)))
    yield loading
    loading.web.session.close()


def load(url: str, announced: str | None = None, **source: Any) -> None:
    """Load an address and check that the picture came; `announced` is the address that the server gives itself."""
    with loader(**source) as loading:
        image = loading.load(url, task_id=7, hostname=announced)
    assert image.shape == (5, 7, 3)
    assert image.dtype == np.uint8
    assert tuple(image[0, 0]) == COLOUR


def refusal(url: str, announced: str | None = None, **source: Any) -> str:
    with loader(**source) as loading, pytest.raises(BadImage) as refused:
        loading.load(url, task_id=7, hostname=announced)
    return str(refused.value)

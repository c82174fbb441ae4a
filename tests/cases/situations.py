"""The cases that are no single request: servers, files and certificates are set up for them here."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image as Pictures

from backend import certificates
from backend.server.app import close, create_app
from backend.settings import Settings
from tests.backend import calls
from tests.backend.colour_engine import ColourEngine
from tests.backend.site import serving
from tests.cases.judge import read

KINDS = ("text/plain", "image", "jpg", "application/x-octet-stream", "multipart/form-data", "*/*")
WEIGHTS = Path(__file__).parents[2] / "model" / "embedded" / "weights" / "backbone"


def content_types() -> Iterator[str]:
    """A picture is served under content types that say nothing, and a page under that of a picture."""
    with serving() as site, _server(Settings(label_studio_url=site.url)) as ask:
        for at, kind in enumerate(KINDS):
            site.routes[f"/{at}.png"] = _answer(kind, calls.png(calls.picture()))
            answer = ask(f"/{at}.png")
            if answer.status != 200 or not answer.regions:
                yield f"{kind}: {answer.said}"
        site.routes["/page.png"] = _answer("image/png", b"<!DOCTYPE html><html></html>")
        if "HTML" not in (said := ask("/page.png").said):
            yield f"a page: {said}"


def windows_paths() -> Iterator[str]:
    """A path with backslashes below the folder of local files, and one that Label Studio alone has."""
    with tempfile.TemporaryDirectory() as root, serving() as site:
        (Path(root) / "set1").mkdir()
        Pictures.fromarray(calls.picture()).save(Path(root) / "set1" / "3.png")
        site.routes["/data/local-files/"] = _answer("image/png", calls.png(calls.picture()))
        with _server(Settings(label_studio_url=site.url, local_files_root=root)) as ask:
            for name in ("set1%5C3.png", "elsewhere%5C4.png"):
                if (answer := ask(f"/data/local-files/?d={name}")).status != 200:
                    yield f"{name}: {answer.said}"


def model_versions() -> Iterator[str]:
    """Two copies of one checkpoint under names that differ behind a dot."""
    with tempfile.TemporaryDirectory() as folder:
        versions = set()
        for name in ("sd-2.0", "sd-2.1"):
            shutil.copytree(WEIGHTS, Path(folder) / name)
            app = create_app(Settings(backbone=str(Path(folder) / name), database=_database()), ColourEngine)
            body = {"project": "1.1", "schema": calls.BITMASK}
            versions.add(app.test_client().post("/setup", json=body).get_json()["model_version"])
            close(app)
        if len(versions) != 2:
            yield f"one version: {versions}"


def private_ca() -> Iterator[str]:
    """Label Studio over https with a private authority, named by either of the two variables that people know."""
    with tempfile.TemporaryDirectory() as folder, _secure(Path(folder)) as url:
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            clean = {key: value for key, value in os.environ.items() if not key.endswith(("CA_BUNDLE", "CERT_FILE"))}
            with patch.dict(os.environ, {**clean, name: f"{folder}/ca.pem"}, clear=True):
                certificates.share(os.environ, os.environ)  # as every command and the server begin
                yield from (f"{name}, {line}" for line in _reached(url))


def _reached(url: str) -> Iterator[str]:
    from backend.labelstudio.client import LabelStudioClient

    with _server(Settings(label_studio_url=url, label_studio_api_key="k" * 40)) as ask:
        if (answer := ask(f"{url}/a.png")).status != 200:
            yield f"serve: {answer.said}"
    try:
        LabelStudioClient(url, "k" * 40).find(1)
    except Exception as error:
        if "cannot be reached" in str(error) or "certificate" in str(error).lower():
            yield f"preannotate: {type(error).__name__}: {error}"


@contextmanager
def _secure(folder: Path) -> Iterator[str]:
    """Serve a picture over https on the loopback, with a certificate of an authority made for this."""
    key, certificate = folder / "key.pem", folder / "ca.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key)]
    subprocess.run([*made, "-out", str(certificate), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Studio) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


class _Studio(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        picture = self.path.endswith(".png")
        body = calls.png(calls.picture()) if picture else b"{}"  # no project: reached, and not understood
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if picture else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output clean."""


def _answer(kind: str, body: bytes) -> Callable[[Any], Any]:
    return lambda _: (200, {"Content-Type": kind}, body)


def _database() -> str:
    return f"sqlite:///{tempfile.mkdtemp()}/cases.db"


@contextmanager
def _server(settings: Settings) -> Iterator[Any]:
    """A server that answers by colour: asks for red in the picture at an address."""
    app = create_app(replace(settings, image_hosts="public, localhost", database=_database()), ColourEngine)
    client = app.test_client()

    def ask(url: str) -> Any:
        response = client.post("/predict", json=calls.predict([calls.task(url=url)], context=calls.text("red")))
        return read(response.status_code, response.get_json())

    yield ask
    close(app)


SITUATIONS: dict[str, Callable[[], Iterator[str]]] = {
    "content-type-is-not-a-picture": content_types,
    "windows-local-files": windows_paths,
    "model-version-two-checkpoints-one-name": model_versions,
    "private-ca": private_ca,
}

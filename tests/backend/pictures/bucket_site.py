"""Loopback servers that speak the three clouds' protocols as far as reading one file goes, and check who asks."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DATE = "Sat, 21 Nov 2026 10:00:00 GMT"
Told = tuple[int, dict[str, str], bytes]


@dataclass
class BucketSite:
    """`files` by "<bucket>/<key>"; `asked` are the paths that were asked for, `keys` what they were signed with.

    `sent` counts bytes of files. While `hold` is cleared, nothing is answered.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sent: int = 0
    hold: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Told:
        self.hold.wait(60)
        if method == "POST":  # Google's token for a service account
            return 200, {"Content-Type": "application/json"}, b'{"access_token": "of-the-server", "expires_in": 3600}'
        self.asked.append(path)
        self.keys.append(headers.get("authorization", ""))
        name = re.sub(r"^/(download/storage/v1/b/|account/)?", "", path.partition("?")[0]).replace("/o/", "/", 1)
        body = self.files.get(name.replace("%2F", "/"))
        if name.startswith("closed/"):
            told = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
            return 403, {"Content-Type": "application/xml", "x-ms-error-code": "AuthorizationFailure"}, told
        if body is None:
            return 404, {"x-ms-error-code": "BlobNotFound"}, b"<Error><Code>NoSuchKey</Code></Error>"
        return _part(body, headers.get("x-ms-range") or headers.get("range", "bytes=0-"))


def _part(body: bytes, wanted: str) -> Told:
    first, last = (int(number or len(body) - 1) for number in wanted.removeprefix("bytes=").split("-"))
    part = body[first : last + 1]
    told = {
        "Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(body)}",
        "Content-Type": "image/png",
        "ETag": '"one"',
        "Last-Modified": DATE,
        "x-ms-blob-type": "BlockBlob",
    }
    return 206, told, part


@contextmanager
def bucket_site() -> Iterator[BucketSite]:
    """A server without files."""
    site = BucketSite()
    site.hold.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = site.answer(
                self.command, self.path, {name.lower(): value for name, value in self.headers.items()}
            )
            site.sent += len(body) if self.command == "GET" else 0
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client may have given up
                self.wfile.write(b"" if self.command == "HEAD" else body)

        do_HEAD = do_POST = do_GET  # noqa: N815  (the names that the library looks for)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.hold.set()
            server.shutdown()
            thread.join()


def service_account(site: BucketSite) -> str:
    """A Google service account whose tokens come from the site, as the file that its variable names."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    told = {"type": "service_account", "client_email": "a@b.example", "private_key": pem, "project_id": "p"}
    return json.dumps({**told, "private_key_id": "1", "token_uri": f"{site.url}/token"})

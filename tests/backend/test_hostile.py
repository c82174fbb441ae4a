"""Hostile pictures and addresses, one by one through the whole app, with the message that the annotator reads."""

from __future__ import annotations

import base64
import gzip
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.pictures.decoding import NOT_SERVED
from backend.settings import Settings
from tests.backend import calls
from tests.backend.clients import client_of, masks, results, status_text
from tests.backend.colour_engine import ColourEngine
from tests.backend.pictures.hostile import DAMAGED, HARMLESS, HOSTILE, ZEROS, not_served
from tests.backend.site import PNG, Answer, Seen, Site, redirect, serving
from tests.backend.slow_http import muttering

KEY = "0123456789abcdef"
MEGABYTES = 2  # that a picture may have
PATIENT = 60.0  # seconds that it may take: a busy machine is slow, and a hostile file has to be refused for what it is
LIMITS = (1.0, 5.0, 25.0)  # seconds for servers that never end; the first in which this machine brings the headers
PRIVATE = "is at a private address; add {} to ANYWORD_IMAGE_HOSTS to allow it"
SPECIAL = "is at a link-local, reserved or metadata address; only its number in ANYWORD_IMAGE_HOSTS would allow it"
UNREADABLE = "image: the address cannot be read"
NEITHER = "image: the address is neither a link nor a path on Label Studio"
NO_HTTP = "image: {own}/a.png leads to an address that is not http"
OUTSIDE = "lies outside ANYWORD_LOCAL_FILES_ROOT"
MISSING = "image: there is no file {} in ANYWORD_LOCAL_FILES_ROOT"
ASKED = MISSING + ", and Label Studio does not give it: 404 from {{own}}/data/local-files/"


@dataclass(frozen=True)
class Scene:
    """An app whose Label Studio is `own`; `other` is a web server that is listed by its name, but not by its number."""

    settings: Settings
    client: FlaskClient
    own: Site
    other: Site
    mutter: str

    def told(self, url: str, client: FlaskClient | None = None) -> str:
        """What the annotator reads who asks for a red thing in this picture, which has none."""
        request = calls.predict([calls.task(url=self.filled(url))], context=calls.text("red"))
        [prediction] = results((client or self.client).post("/predict", json=request))
        assert masks(prediction) == []
        return status_text(prediction)

    def check_given_up(self, url: str, said: str) -> None:
        """Ask for a picture that never ends.

        `said` names the limit as {limit}. A busy machine may not bring the headers in time: then the next limit counts.
        """
        for seconds in LIMITS:
            client = client_of(ColourEngine(), replace(self.settings, image_timeout=seconds))
            told, limit = self.told(url, client), f"{seconds:g} s"
            if told == self.filled(said.replace("{limit}", limit)):
                return
            assert told == self.filled(f"image: no answer from {url} within {limit}")
        pytest.fail(f"no headers within {limit}")

    def filled(self, text: str) -> str:
        """With the addresses of the servers in place of their names."""
        port = self.other.url.rpartition(":")[2]
        places = {"own": self.own.url, "other": f"http://localhost:{port}", "mutter": self.mutter, "port": port}
        for name, place in places.items():
            text = text.replace(f"{{{name}}}", place)
        return text


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of local files with traps in it."""
    folder = tmp_path_factory.mktemp("hostile") / "root"
    folder.mkdir()
    (folder.parent / "secret.png").write_bytes(PNG)
    (folder / "out.png").symlink_to(folder.parent / "secret.png")
    (folder / "ring.png").symlink_to(folder / "ring.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "large.png").write_bytes(bytes(3_000_000))
    os.mkfifo(folder / "pipe.png")
    return folder


@pytest.fixture(scope="module")
def app(root: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        own, other = stack.enter_context(serving()), stack.enter_context(serving())
        mutter = stack.enter_context(muttering())
        settings = Settings(
            label_studio_url=own.url,
            label_studio_api_key=KEY,
            image_hosts="public, localhost",
            image_timeout=PATIENT,
            max_image_mb=MEGABYTES,
            local_files_root=str(root),
        )
        yield Scene(settings, client_of(ColourEngine(), settings), own, other, mutter)


@pytest.fixture
def scene(app: Scene) -> Iterator[Scene]:
    """The app, which goes on to serve good pictures, and whose key nobody but Label Studio has seen."""
    for site in (app.own, app.other):
        site.routes.clear()
        site.seen.clear()
    yield app
    app.own.routes["/fine.png"] = lambda _: (200, {"Content-Type": "image/png"}, PNG)
    assert app.told("/fine.png") == "no red found in the picture"
    assert set(app.other.keys) <= {None}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(scene: Scene, name: str) -> None:
    data, said = HOSTILE[name]
    scene.own.routes["/a.png"] = lambda _: (200, {"Content-Type": "image/png"}, data)
    assert scene.told(f"/a.png?{name}") == said


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_picture_carries_along_does_no_harm(scene: Scene, name: str) -> None:
    scene.own.routes["/harmless.png"] = lambda _: (200, {}, HARMLESS[name])
    assert scene.told(f"/harmless.png?{name}").partition(";")[0] == "no red found in the picture"


def endless(_: Seen) -> Answer:
    return 200, {"Content-Type": "image/png"}, itertools.repeat(bytes(100_000))


def dripping(_: Seen) -> Answer:
    return 200, {}, (b"." for _ in iter(lambda: threading.Event().wait(0.01), True))


def packed(_: Seen) -> Answer:
    return 200, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, gzip.compress(ZEROS)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(endless, "{own}/a.png is larger than 2 MB", id="endless"),
        pytest.param(
            lambda _: (200, {"Content-Length": "99999999999"}, PNG), "{own}/a.png is larger than 2 MB", id="long"
        ),
        pytest.param(
            lambda _: (200, {"Content-Length": "1000"}, PNG), "{own}/a.png broke off before its end", id="lying length"
        ),
        pytest.param(packed, "{own}/a.png comes packed (gzip), which was not asked for", id="gzip bomb"),
        pytest.param(
            lambda _: (200, {f"X-{number}": "y" for number in range(200)}, PNG),
            "{own}/a.png cannot be reached (ConnectionError)",
            id="200 headers",
        ),
        pytest.param(
            lambda _: (200, {"X": "y" * 100_000}, PNG),
            "{own}/a.png cannot be reached (ConnectionError)",
            id="long header",
        ),
    ],
)
def test_an_answer_beyond_all_limits_is_refused(scene: Scene, answer: Callable[[Seen], Answer], said: str) -> None:
    scene.own.routes["/a.png"] = answer
    assert scene.told("/a.png") == scene.filled(f"image: {said}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{mutter}/headers", "image: no answer from {mutter}/headers within {limit}"),
        ("{mutter}/continue", "image: no answer from {mutter}/continue within {limit}"),
        ("{mutter}/chunks", "image: {mutter}/chunks took longer than {limit}"),
        ("{own}/drip.png", "image: {own}/drip.png took longer than {limit}"),
    ],
)
def test_a_server_that_never_ends_is_given_up(scene: Scene, url: str, said: str) -> None:
    scene.own.routes["/drip.png"] = dripping
    scene.check_given_up(url, said)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/a.png", "image: 302 from {own}/a.png"),
        ("/user/login/?next=/a.png", "image: 401 from {own}/a.png, check ANYWORD_LABEL_STUDIO_API_KEY"),
        ("http://169.254.169.254/latest/meta-data/", f"image: http://169.254.169.254/latest/meta-data/ {SPECIAL}"),
        ("//169.254.169.254/", f"image: http://169.254.169.254/ {SPECIAL}"),
        ("http://127.0.0.1:{port}/b.png", f"image: http://127.0.0.1:{{port}}/b.png {PRIVATE.format('127.0.0.1')}"),
        ("http://127.1:{port}/b.png", f"image: http://127.1:{{port}}/b.png {PRIVATE.format('127.1')}"),
        ("file:///etc/passwd", NO_HTTP),
        ("ftp://localhost/a.png", NO_HTTP),
        ("gopher://localhost:70/_x", NO_HTTP),
        ("data:image/png;base64,AAAA", NO_HTTP),
        ("javascript:alert(1)", NO_HTTP),
        ("http://[broken", "image: {own}/a.png leads to an address that cannot be read"),
        ("http://ex ample/", UNREADABLE),
        (
            "{other}/b.png",
            "image: 401 from {other}/b.png, which gets no key because it is not ANYWORD_LABEL_STUDIO_URL",
        ),
        ("{other}/back.png", "image: 401 from {own}/locked.png, which gets no key on the way back from another host"),
        ("http://localhost:{port}\\@{own}/b.png", "image: 404 from {other}/%5C@{own}/b.png"),
    ],
)
def test_a_hostile_redirect_leads_nowhere(scene: Scene, target: str, said: str) -> None:
    unlocked = {"/a.png": redirect(scene.filled(target)), "/back.png": redirect(f"{scene.own.url}/locked.png")}
    for site in (scene.own, scene.other):
        for path in ("/b.png", "/locked.png"):
            site.routes[path] = lambda seen: (200 if seen.authorization else 401, {}, PNG)
    scene.own.routes["/a.png"], scene.other.routes["/back.png"] = unlocked.values()
    assert scene.told("/a.png") == scene.filled(said)
    assert scene.own.keys[0] == f"Token {KEY}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://10.0.0.5/x.jpg", f"image: http://10.0.0.5/x.jpg {PRIVATE.format('10.0.0.5')}"),
        ("http://127.0.0.1:{port}/", f"image: http://127.0.0.1:{{port}}/ {PRIVATE.format('127.0.0.1')}"),
        ("http://2130706433:{port}/", f"image: http://2130706433:{{port}}/ {PRIVATE.format('2130706433')}"),
        ("http://0x7f000001:{port}/", f"image: http://0x7f000001:{{port}}/ {PRIVATE.format('0x7f000001')}"),
        ("http://0177.0.0.1:{port}/", f"image: http://0177.0.0.1:{{port}}/ {PRIVATE.format('0177.0.0.1')}"),
        ("http://[::1]:{port}/", f"image: http://[::1]:{{port}}/ {PRIVATE.format('::1')}"),
        ("http://[::ffff:10.0.0.5]/", f"image: http://[::ffff:10.0.0.5]/ {PRIVATE.format('::ffff:10.0.0.5')}"),
        ("http://localhost.evil@10.0.0.5/", f"image: http://10.0.0.5/ {PRIVATE.format('10.0.0.5')}"),
        ("http://10.0.0.5\\@localhost/", f"image: http://10.0.0.5/%5C@localhost/ {PRIVATE.format('10.0.0.5')}"),
        ("http://0.0.0.0:{port}/", f"image: http://0.0.0.0:{{port}}/ {SPECIAL}"),
        ("http://169.254.169.254/", f"image: http://169.254.169.254/ {SPECIAL}"),
        ("http://2852039166/", f"image: http://2852039166/ {SPECIAL}"),
        ("http://0xa9fea9fe/", f"image: http://0xa9fea9fe/ {SPECIAL}"),
        ("http://0251.0376.0251.0376/", f"image: http://0251.0376.0251.0376/ {SPECIAL}"),
        ("http://[::ffff:169.254.169.254]/", f"image: http://[::ffff:169.254.169.254]/ {SPECIAL}"),
        ("http://[64:ff9b::a9fe:a9fe]/", f"image: http://[64:ff9b::a9fe:a9fe]/ {SPECIAL}"),
        ("http://[2002:a9fe:a9fe::]/", f"image: http://[2002:a9fe:a9fe::]/ {SPECIAL}"),
        ("http://[fd00:ec2::254]/", f"image: http://[fd00:ec2::254]/ {SPECIAL}"),
        ("http://[fe80::1]/", f"image: http://[fe80::1]/ {SPECIAL}"),
        ("http://239.255.255.250/", f"image: http://239.255.255.250/ {SPECIAL}"),
        ("{own}/a.png\r\nX: y", "image: 404 from {own}/a.pngX:%20y"),
        ("{own}/a\0.png", "image: 404 from {own}/a%00.png"),
        ("{own}\r\nX: y/a.png", UNREADABLE),
        ("http://10.0.0.5\0.localhost/", UNREADABLE),
        ("http://localhost:99999/", UNREADABLE),
        ("http://\ud800/", UNREADABLE),
        ("http:///a.png", UNREADABLE),
        ("gopher://localhost:70/_x", NEITHER),
        ("javascript:alert(1)", "image: there is no file javascript:alert(1) in ANYWORD_LOCAL_FILES_ROOT"),
        ("s3://bucket/\ud800", "image: 404 from {own}/tasks/1/presign/"),
        ("data:text/html,<script>alert(1)</script>", NOT_SERVED["HTML"]),
        ("data:image/svg+xml,<svg/>", not_served("SVG")),
        ("data:image/png;base64,A", "image: the data URI is damaged"),
        ("data:image/png;base64,\ud800", "image: the data URI is damaged"),
        ("data:image/png,\ud800", "image: the data URI is damaged"),
        ("data:image/png;base64," + "A" * 3_000_000, "image: the data URI is larger than 2 MB"),
        ("data:image/png;base64," + base64.b64encode(PNG[:44]).decode(), DAMAGED),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_hostile_address_is_refused(scene: Scene, url: str, said: str) -> None:
    assert scene.told(url) == scene.filled(said)
    assert scene.other.seen == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/data/local-files/?d=../../etc/passwd", f"image: passwd {OUTSIDE}"),
        ("/data/local-files/?d=%2e%2e%2fsecret.png", f"image: secret.png {OUTSIDE}"),
        ("/data/local-files/?d=/etc/passwd", f"image: passwd {OUTSIDE}"),
        ("/data/local-files/?d=a&d=../secret.png", ASKED.format("a")),
        ("/data/local-files/?d=out.png", f"image: out.png {OUTSIDE}"),
        ("/data/local-files/?d=zero.png", f"image: zero.png {OUTSIDE}"),
        ("/data/local-files/?d=ring.png", ASKED.format("ring.png")),
        ("/data/local-files/?d=pipe.png", ASKED.format("pipe.png")),
        ("/data/local-files/?d=large.png", "image: large.png is larger than 2 MB"),
        ("/data/local-files/?d=" + "a" * 5000, ASKED.format("a" * 100)),
        ("/data/local-files/?d=a%0AERROR.png", ASKED.format("a?ERROR.png")),
        ("/data/local-files/?d=\ud800", ASKED.format("?")),
        ("/data/local-files/?d=a%00.png", "image: 404 from {own}/data/local-files/"),
        ("file:///etc/passwd", f"image: passwd {OUTSIDE}"),
        ("file:///proc/self/environ", f"image: environ {OUTSIDE}"),
        ("../secret.png", f"image: secret.png {OUTSIDE}"),
        ("/etc/passwd", "image: 404 from {own}/etc/passwd"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_hostile_path_is_refused(scene: Scene, url: str, said: str) -> None:
    assert scene.told(url) == scene.filled(said)


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = ("93.184.216.34", "10.0.0.5")
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 0)) for number in numbers]
    found: Any = socket.getaddrinfo

    def answered(host: str, *others: Any, **options: Any) -> Any:
        return answer if host == "pictures.example" else found(host, *others, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answered)
    said = f"image: http://pictures.example/a.png {PRIVATE.format('pictures.example')}"
    assert scene.told("http://pictures.example/a.png") == said

"""Downloads over real HTTP on the loopback: who gets the key, where redirects lead, and what is too much."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backend.site import PNG, Answer, Site, load, loader, png, redirect, refusal, status_only

PAT = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl"


# Keys


def test_a_personal_access_token_is_exchanged_once_for_many_pictures(site: Site) -> None:
    site.routes["/api/token/refresh/"] = lambda _: (200, {"Content-Type": "application/json"}, b'{"access": "short"}')
    site.routes["/a.png"] = png
    with loader(hostname=site.url, api_key=PAT) as loading:
        for number in range(3):
            loading.load(f"/a.png?{number}")
    assert [seen.path for seen in site.seen] == ["/api/token/refresh/", "/a.png?0", "/a.png?1", "/a.png?2"]
    assert json.loads(site.seen[0].body) == {"refresh": PAT}
    assert site.keys == [None, "Bearer short", "Bearer short", "Bearer short"]


def test_an_access_token_that_is_refused_is_renewed_once(site: Site) -> None:
    fresh = iter(["old", "new"])
    site.routes["/api/token/refresh/"] = lambda _: (200, {}, json.dumps({"access": next(fresh)}).encode())
    site.routes["/a.png"] = lambda seen: png(seen) if seen.authorization == "Bearer new" else (401, {}, b"")
    load("/a.png", hostname=site.url, api_key=PAT)
    assert site.keys == [None, "Bearer old", None, "Bearer new"]


@pytest.mark.parametrize(
    "answer", [(401, {}, b'{"detail": "no"}'), (200, {}, b"<html>"), (200, {}, b"[]"), (302, {"Location": "/"}, b"")]
)
def test_a_personal_access_token_that_is_refused_says_what_to_check(site: Site, answer: Answer) -> None:
    site.routes["/api/token/refresh/"] = lambda _: answer
    said = refusal("/a.png", hostname=site.url, api_key=PAT)
    assert "token" in said
    assert PAT not in said


def test_a_netrc_file_gives_no_key_away(elsewhere: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hidden")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    elsewhere.routes["/a.png"] = png
    load(f"{elsewhere.url}/a.png")
    assert elsewhere.keys == [None]


@pytest.mark.parametrize(
    ("status", "source", "advice"),
    [
        (401, {}, ", set ANYWORD_LABEL_STUDIO_API_KEY"),
        (401, {"api_key": "abc"}, ", check ANYWORD_LABEL_STUDIO_API_KEY"),
        (403, {"api_key": "abc"}, ", check ANYWORD_LABEL_STUDIO_API_KEY"),
        (404, {"api_key": "abc"}, ""),
        (500, {"api_key": "abc"}, ""),
    ],
)
def test_a_refusal_names_status_address_and_remedy(
    site: Site, status: int, source: dict[str, str], advice: str
) -> None:
    site.routes["/a.png"] = status_only(status)
    said = refusal("/a.png?token=hidden", hostname=site.url, **source)
    assert said == f"image: {status} from {site.url}/a.png{advice}"


def test_a_refusal_without_a_configured_address_says_to_set_both(site: Site) -> None:
    site.routes["/a.png"] = status_only(401)
    said = refusal("/a.png", announced=site.url)
    assert said.endswith(", set ANYWORD_LABEL_STUDIO_URL and ANYWORD_LABEL_STUDIO_API_KEY")


def test_the_way_to_the_login_page_is_a_401(site: Site) -> None:
    site.routes["/a.png"] = redirect("/user/login/?next=/a.png")
    assert refusal("/a.png", hostname=site.url).startswith("image: 401 from")


# Redirects


def test_the_key_does_not_follow_a_redirect_to_another_origin_nor_come_back(site: Site, elsewhere: Site) -> None:
    site.routes["/a.png"] = redirect(f"{elsewhere.url}/a.png")
    elsewhere.routes["/a.png"] = redirect(f"{site.url}/b.png")
    site.routes["/b.png"] = png
    load("/a.png", hostname=site.url, api_key="abc")
    assert elsewhere.keys == [None]
    assert site.keys == ["Token abc", None]


def test_the_key_follows_a_redirect_within_the_origin(site: Site) -> None:
    site.routes["/a.png"] = redirect("/b.png")
    site.routes["/b.png"] = png
    load("/a.png", hostname=site.url, api_key="abc")
    assert site.keys == ["Token abc", "Token abc"]


def test_a_ring_of_redirects_ends(site: Site) -> None:
    site.routes["/a.png"] = redirect("/a.png")
    assert refusal("/a.png", hostname=site.url).startswith("image: 302 from")
    assert len(site.seen) == 6


@pytest.mark.parametrize("target", ["file:///etc/hostname", "http://[broken", "http://localhost:port/a.png"])
def test_a_redirect_to_what_is_no_web_address_is_refused(site: Site, target: str) -> None:
    site.routes["/a.png"] = redirect(target)
    assert refusal("/a.png", hostname=site.url).startswith("image:")


# Limits


def test_a_length_that_is_announced_too_large_is_refused(site: Site) -> None:
    site.routes["/a.png"] = lambda _: (200, {"Content-Length": "2000000"}, PNG)
    assert refusal("/a.png", hostname=site.url, max_bytes=1_000_000) == f"image: {site.url}/a.png is larger than 1 MB"


def test_a_body_without_a_length_is_cut_off_at_the_limit(site: Site) -> None:
    chunks = b"".join(b"4000\r\n" + bytes(0x4000) + b"\r\n" for _ in range(100)) + b"0\r\n\r\n"
    site.routes["/a.png"] = lambda _: (200, {"Transfer-Encoding": "chunked", "Content-Length": "5"}, chunks)
    assert "larger than 0.5 MB" in refusal("/a.png", hostname=site.url, max_bytes=500_000)


def test_a_body_shorter_than_announced_is_refused(site: Site) -> None:
    site.routes["/a.png"] = lambda _: (200, {"Content-Length": str(len(PNG) + 5)}, PNG)
    assert refusal("/a.png", hostname=site.url).startswith("image:")


def test_a_server_that_does_not_answer_costs_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.png"
        assert refusal(url, timeout_s=0.2) == f"image: no answer from {url} within 0.2 s"


@pytest.fixture
def drops() -> Iterator[Callable[[], Iterator[bytes]]]:
    """A body that comes byte by byte and has no end before that of the test."""
    stop = threading.Event()

    def body() -> Iterator[bytes]:
        while not stop.wait(0.02):
            yield b"."

    yield body
    stop.set()


def test_a_server_that_dribbles_is_given_up(site: Site, drops: Callable[[], Iterator[bytes]]) -> None:
    site.routes["/a.png"] = lambda _: (200, {}, drops())
    for seconds in (0.3, 3.0, 30.0):  # a busy machine may not bring the headers within the first
        said = refusal("/a.png", hostname=site.url, timeout_s=seconds)
        if said != f"image: no answer from {site.url}/a.png within {seconds:g} s":
            break
    assert said == f"image: {site.url}/a.png took longer than {seconds:g} s"


def test_the_body_of_a_redirect_is_not_waited_for(site: Site, drops: Callable[[], Iterator[bytes]]) -> None:
    site.routes["/a.png"] = lambda _: (302, {"Location": "/b.png"}, drops())
    site.routes["/b.png"] = png
    load("/a.png", hostname=site.url)


def test_a_dead_link_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/a.png").startswith(f"image: http://127.0.0.1:{port}/a.png cannot be")


@pytest.mark.parametrize("configured", ["", "/", "/ls"])
def test_a_sub_path_that_the_configured_address_lacks_is_named(site: Site, configured: str) -> None:
    said = refusal("/label/data/upload/1/a.png", hostname=site.url + configured)
    assert "404" in said
    assert said.endswith(f"set ANYWORD_LABEL_STUDIO_URL to {site.url}/label if Label Studio is served below that path")


@pytest.mark.parametrize("configured", ["", "/label"])
def test_a_file_that_is_gone_is_no_question_of_the_sub_path(site: Site, configured: str) -> None:
    said = refusal(f"{configured}/data/upload/1/a.png", hostname=site.url + configured)
    assert said == f"image: 404 from {site.url}{configured}/data/upload/1/a.png"


@pytest.mark.parametrize("kind", ["", "image/jpeg", "text/plain", "jpg", "application/x-octet-stream", "*/*"])
def test_the_file_decides_and_not_its_content_type(site: Site, kind: str) -> None:
    site.routes["/a.png"] = lambda _: (200, {"Content-Type": kind} if kind else {}, PNG)
    load("/a.png", hostname=site.url)

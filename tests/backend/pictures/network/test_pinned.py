"""Names on the wire: what was checked is what is asked, by the name that was meant."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address

import pytest

from backend.pictures.network.allowed_hosts import Address, reach_of
from backend.pictures.network.urls import origin
from tests.backend.site import Site, load, loader, png, redirect, refusal, serving

LOCAL = (ip_address("127.0.0.1"),)


def names(*answers: Sequence[Address]) -> Callable[[str, bool], Sequence[Address]]:
    """DNS that says something else each time."""
    waiting = iter(answers)
    return lambda _host, _numeric: next(waiting)


def port(site: Site) -> str:
    return site.url.rpartition(":")[2]


def test_dns_is_asked_once_for_a_request_and_the_answer_is_where_it_goes(site: Site) -> None:
    site.routes["/a.png"] = png
    reach = replace(reach_of("127.0.0.1"), look_up=names(LOCAL))
    load(f"http://pictures.invalid:{port(site)}/a.png", reach=reach)
    assert site.hosts == [f"pictures.invalid:{port(site)}"]


def test_a_name_that_turns_private_between_two_hops_is_refused(site: Site) -> None:
    site.routes["/a.png"] = redirect("/b.png")
    reach = replace(reach_of("127.0.0.1"), look_up=names(LOCAL, [ip_address("10.0.0.5")]))
    said = refusal(f"http://pictures.invalid:{port(site)}/a.png", reach=reach)
    assert said.startswith(f"image: http://pictures.invalid:{port(site)}/b.png is at a private address")
    assert len(site.seen) == 1


def test_the_next_address_is_tried_where_the_first_does_not_answer(site: Site) -> None:
    site.routes["/a.png"] = png
    reach = replace(reach_of("private"), look_up=names([ip_address("::1"), ip_address("127.0.0.9"), *LOCAL]))
    load(f"http://pictures.invalid:{port(site)}/a.png", reach=reach)


def test_a_name_that_dns_does_not_know_is_told() -> None:
    def unknown(_host: str, _numeric: bool) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    said = refusal("http://nobody.invalid/a.png", reach=replace(reach_of("public"), look_up=unknown))
    assert said == "image: http://nobody.invalid/a.png cannot be reached (no host of this name is known)"


def test_an_announced_label_studio_may_be_private_but_other_hosts_may_not(site: Site, elsewhere: Site) -> None:
    site.routes["/a.png"] = elsewhere.routes["/a.png"] = png
    load("/a.png", announced=site.url, reach=reach_of("public"))
    load(f"{site.url}/a.png", announced=site.url, reach=reach_of("public"))
    assert "private address" in refusal(f"{elsewhere.url}/a.png", announced=site.url, reach=reach_of("public"))


def test_a_configured_label_studio_leaves_no_trust_for_an_announced_one(site: Site, elsewhere: Site) -> None:
    elsewhere.routes["/go"] = redirect(f"{site.url}/a.png")
    said = refusal("/go", announced=site.url, hostname=elsewhere.url, reach=reach_of("public"))
    assert "private address" in said
    assert site.seen == []


def test_an_announced_label_studio_is_not_asked_at_a_metadata_address() -> None:
    said = refusal("/latest/meta-data/", announced="http://169.254.169.254")
    assert said.startswith("image: http://169.254.169.254/latest/meta-data/ is at a link-local, reserved or metadata")


def test_the_configured_label_studio_may_be_private_whatever_it_is_asked_for(site: Site) -> None:
    site.routes["/api/tasks"] = lambda _: (200, {"Content-Type": "application/json"}, b"{}")
    with loader(hostname=site.url, reach=reach_of("public")) as loading:
        assert loading.web.get(f"{site.url}/api/tasks", ("application/json",)) == b"{}"


@pytest.mark.parametrize(
    "url", ["http://a.org\\@b.org/", "http://a.org#@b.org/", "http://b.org@a.org/", "HTTP://A.ORG:80/"]
)
def test_the_origin_of_an_address_is_where_it_would_be_asked(url: str) -> None:
    assert origin(url) == ("http", "a.org", 80)


@contextmanager
def greeted() -> Iterator[tuple[int, list[bytes]]]:
    """A port, and what is said there first; nothing is answered."""
    heard: list[bytes] = []

    def listen() -> None:
        with listening.accept()[0] as connection:
            heard.append(connection.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=listen)
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join()


def test_tls_asks_for_the_name_and_not_for_the_number() -> None:
    with greeted() as (at, heard):
        reach = replace(reach_of("private"), look_up=names(LOCAL))
        assert "cannot be reached" in refusal(f"https://pictures.invalid:{at}/a.png", reach=reach)
    assert b"pictures.invalid" in heard[0]
    assert b"127.0.0.1" not in heard[0]


def test_a_proxy_of_the_environment_gets_the_name_and_private_numbers_are_refused_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving() as proxy:
        proxy.routes["http://pictures.invalid/a.png"] = png
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        load("http://pictures.invalid/a.png", reach=reach_of("public"))
        assert "private address" in refusal("http://10.0.0.5/a.png", reach=reach_of("public"))
        assert "no host in" in refusal("http://pictures.invalid/b.png", reach=reach_of("a.org"))
        assert [seen.path for seen in proxy.seen] == ["http://pictures.invalid/a.png"]

"""Names on the hub, where the hub answers, refuses, is silent or out of reach."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from model.adapters import hub
from model.adapters.hub import located
from model.errors import Misconfigured
from model.loading import EnginePaths, load_engine
from tests.backend.site import serving

NAME = "nobody/nothing"


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the library ask another server."""
    return lambda url: monkeypatch.setattr(constants, "ENDPOINT", url)


def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("source", ["", "weights/nothing/here.pth", "/nowhere", "a..b/c"])
def test_what_is_no_hub_name_is_left_to_the_loaders(source: str, endpoint: Callable[[str], None]) -> None:
    endpoint(closed())
    assert located(source) == source


def test_a_folder_goes_before_a_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert located(NAME) == NAME


@pytest.mark.parametrize("name", [NAME, "nothing"])
def test_without_network_a_name_is_refused_in_one_line(name: str, endpoint: Callable[[str], None]) -> None:
    endpoint(closed())
    with pytest.raises(Misconfigured) as refused:
        located(name)
    assert str(refused.value) == f"{name}: no such folder here, and the hub cannot be reached: {hub.REMEDY}"


def asked_of(listener: socket.socket) -> list[str]:
    """What was asked of a server that never answered; a process' first question brings one of the library's own."""
    asked = []
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            with listener.accept()[0] as connection:
                asked.append(connection.recv(4096).decode().split()[1])
    return asked


def test_a_hub_that_never_answers_is_asked_once(
    endpoint: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Misconfigured, match="cannot be reached"):
            load_engine(EnginePaths(segmenter=NAME))
        assert [path for path in asked_of(listener) if "/models/" in path] == [f"/api/models/{NAME}"]


def test_a_name_that_the_hub_does_not_know_is_refused_with_its_status(endpoint: Callable[[str], None]) -> None:
    with serving() as site:
        endpoint(site.url)
        with pytest.raises(Misconfigured, match=f"{NAME}: no such folder here, and the hub answers 404"):
            located(NAME)


def test_a_name_that_the_hub_knows_is_loaded_by_it(endpoint: Callable[[str], None]) -> None:
    with serving() as site:
        site.routes[f"/api/models/{NAME}"] = lambda _: (200, {"Content-Type": "application/json"}, b'{"id": "x"}')
        endpoint(site.url)
        assert located(NAME) == NAME


def test_what_is_on_this_machine_is_loaded_without_the_hub(tmp_path: Path, endpoint: Callable[[str], None]) -> None:
    endpoint(closed())
    place = tmp_path / "hub" / "models--nobody--nothing"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (place / "snapshots" / ("0" * 40) / "config.json").write_text("{}")
    assert Path(located(NAME)) == place / "snapshots" / ("0" * 40)

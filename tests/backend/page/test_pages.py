"""The page for people: who gets it, what it tells, what it never tells, and its pictures."""

import io
import re
import threading
from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image as Pictures

from backend.inference.model_loader import EngineProtocol
from backend.labelstudio import configs
from backend.page.journal import ConnectedProject, Journal
from backend.page.pages import ago, shown
from backend.problems import Problem
from model.errors import Misconfigured
from model.types import Image
from model.visualize import BOX, NEGATIVE, POSITIVE
from tests.backend import calls
from tests.backend.clients import SETTINGS, VERSION, client_of, opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.entries import entry
from tests.backend.page.html import Page

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
LOCKED = replace(SETTINGS, basic_auth_user="anna", basic_auth_password="secret", label_studio_api_key="key-0123456789")
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"""


def page(client: FlaskClient) -> Page:
    response = client.get("/", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    return Page(response.get_data(as_text=True))


def browsing(journal: Journal) -> FlaskClient:
    """A client of a server that is ready."""
    client = opened(SETTINGS, ColourEngine, journal).test_client()
    while client.get("/ready").status_code != 200:
        pass
    return client


# Who gets it


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html;q=0.5", "image/png"])
def test_whoever_does_not_ask_for_a_page_gets_json(accept: str | None) -> None:
    response = client_of(ColourEngine()).get("/", headers={} if accept is None else {"Accept": accept})
    assert response.get_json()["status"] == "UP"
    assert "Accept" in response.headers["Vary"]


def test_the_page_needs_the_password_and_the_probe_does_not() -> None:
    client = client_of(ColourEngine(), LOCKED)
    assert client.get("/").get_json()["status"] == "UP"
    refused = client.get("/", headers=BROWSER)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="Anyword"')
    for path in ("/style.css", "/requests/1/asked.png", "/openapi.json"):
        assert client.get(path).status_code == 401
    assert client.get("/", headers=BROWSER, auth=("anna", "secret")).status_code == 200


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    journal = Journal()
    journal.record(entry())
    client = browsing(journal)
    response = client.get("/", headers=BROWSER)
    read = Page(response.get_data(as_text=True))
    links = [link for _, attributes in read.tags for name, link in attributes.items() if name in ("src", "href")]
    assert [link for link in links if link and re.match(r"[a-z]+:|//", link) and not link.startswith("data:")] == []
    assert read.all("script") == read.all("form") == []
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Cache-Control"] == "no-store"
    assert client.get("/style.css").mimetype == "text/css"


# What it tells


def test_a_fresh_server_says_what_it_is_and_what_to_do() -> None:
    read = page(browsing(Journal()))
    assert VERSION in read.text
    assert "ready" in read.text
    assert "http://localhost/" in read.text
    assert "None since the start" in read.text
    assert read.all("img") == []


def test_while_the_models_load_the_page_says_so_and_looks_again() -> None:
    go = threading.Event()

    def load() -> EngineProtocol:
        assert go.wait(60)
        return ColourEngine()

    client = opened(SETTINGS, load).test_client()
    read = page(client)
    assert "loading" in read.text
    assert {"http-equiv": "refresh", "content": "3"} in read.all("meta")
    go.set()
    while client.get("/ready").status_code != 200:
        pass
    assert all("http-equiv" not in attributes for attributes in page(client).all("meta"))


def test_models_that_did_not_load_are_told_with_the_reason() -> None:
    def load() -> EngineProtocol:
        raise Misconfigured("ANYWORD_BACKBONE: there is no folder /weights")

    client = opened(SETTINGS, load).test_client()
    while client.get("/ready").get_json()["status"] != "failed":
        pass
    assert "The model did not load: ANYWORD_BACKBONE: there is no folder" in page(client).text


def test_models_are_named_without_their_folders() -> None:
    chosen = replace(SETTINGS, backbone="/home/anna/weights/stable-diffusion", device="cuda:1")
    client = opened(chosen, ColourEngine).test_client()
    while client.get("/ready").status_code != 200:
        pass
    text = page(client).text
    assert "stable-diffusion" in text
    assert "cuda:1" in text
    assert "anna" not in text


def test_errors_come_with_their_remedy_and_their_number() -> None:
    journal = Journal()
    for _ in range(3):
        journal.fail(Problem(422, "image: 401 from http://x, set ANYWORD_LABEL_STUDIO_API_KEY", "BadImage"), "task 7")
    text = page(browsing(journal)).text
    assert "image: 401 from http://x, set ANYWORD_LABEL_STUDIO_API_KEY" in text
    assert "Personal Access Token" in text
    assert "BadImage · task 7 · 3 times" in text


def test_the_labelling_configs_can_be_copied_as_they_are() -> None:
    read = page(browsing(Journal()))
    written = "".join(read.pieces)
    assert all(example.xml in written for example in configs.EXAMPLES)


def test_a_connected_project_is_listed_with_what_to_change() -> None:
    client = browsing(Journal())
    body = {"project": "3.1795168390", "schema": calls.BRUSH, "hostname": "http://me:pw@studio:8080"}
    client.post("/setup", json={**body, "access_token": "token-0123456789"})
    text = page(client).text
    assert "Project 3 http://studio:8080" in text
    assert '<KeyPointLabels name="point"> leaves points behind' in text
    assert "pw" not in text
    assert "token-0123456789" not in text


def test_what_setup_refused_is_among_the_errors() -> None:
    client = browsing(Journal())
    client.post("/setup", json={"project": "4.1795168390", "schema": calls.WITHOUT_MASK})
    client.get("/nothing")
    text = page(client).text
    assert "Labeling config needs <Brush> or <Bitmask>" in text
    assert "/setup, project 4" in text
    assert "/nothing" not in text


def test_a_request_is_told_in_words() -> None:
    journal = Journal()
    journal.record(entry())
    text = page(browsing(journal)).text
    assert "the red thing 2 points 1 box 1 region, best 0.90 task 7, project 3 · 0.21 s" in text


# What it never tells


def test_hostile_texts_stay_texts() -> None:
    journal = Journal()
    journal.record(entry(HOSTILE, message=HOSTILE))
    journal.fail(Problem(422, HOSTILE, HOSTILE), HOSTILE)
    journal.see(ConnectedProject(HOSTILE, HOSTILE, (HOSTILE,)))
    read = page(browsing(journal))
    assert read.all("script") == []
    assert [attributes for attributes in read.all("img") if "onerror" in attributes] == []
    assert read.text.count("<script>alert(1)</script>") >= 6
    assert "{{ 7 * 7 }}" in read.text
    assert "49" not in re.sub(r"\d\d:\d\d:\d\d", "", read.text)


def test_keys_and_passwords_are_nowhere() -> None:
    client = client_of(ColourEngine(), LOCKED)
    html = client.get("/", headers=BROWSER, auth=("anna", "secret")).get_data(as_text=True)
    assert LOCKED.label_studio_api_key not in html
    assert LOCKED.basic_auth_password not in html


# Pictures


def picture(client: FlaskClient, panel: str) -> Image:
    response = client.get(f"/requests/1/{panel}.png")
    assert (response.status_code, response.mimetype) == (200, "image/png")
    assert response.headers["Cache-Control"] == "no-store"
    return np.array(Pictures.open(io.BytesIO(response.get_data())).convert("RGB"))


def test_a_request_has_pictures_of_what_was_asked_seen_and_answered() -> None:
    journal = Journal()
    journal.record(entry())  # the red square covers x 40..120 and y 30..90 of 320 x 240
    client = browsing(journal)
    sources = [attributes["src"] for attributes in page(client).all("img")]
    assert sources == [f"requests/1/{name}.png" for name in ("asked", "map-0", "answer")]
    asked, seen, answer = (picture(client, name) for name in ("asked", "map-0", "answer"))
    assert asked.shape == seen.shape == answer.shape == (240, 320, 3)
    assert tuple(asked[60, 80]) == POSITIVE
    assert tuple(asked[180, 240]) == NEGATIVE
    assert tuple(asked[60, 160]) == BOX
    assert seen[20, 20].sum() > 2 * seen[20, 300].sum()
    assert np.abs(answer[70, 80].astype(int) - (200, 30, 30)).max() < 30
    assert answer[200, 20].max() < 70


def test_every_picture_that_the_page_shows_is_there() -> None:
    journal = Journal()
    for text in ("", "the red thing"):
        journal.record(entry(text))
    client = browsing(journal)
    for attributes in page(client).all("img"):
        assert client.get(f"/{attributes['src']}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/requests/2/asked.png", "/requests/1/map-9.png", "/requests/1/map-x.png", "/requests/1/../x.png"]
)
def test_other_pictures_are_not_found(path: str) -> None:
    journal = Journal()
    journal.record(entry())
    assert browsing(journal).get(path).status_code == 404


# Small things


@pytest.mark.parametrize(
    ("hostname", "told"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://me:p@ss@studio.example.org/sub", "https://studio.example.org/sub"),
        ("me:pw@studio", "studio"),
        ("", ""),
    ],
)
def test_addresses_are_shown_without_passwords(hostname: str, told: str) -> None:
    assert shown(hostname) == told


@pytest.mark.parametrize(("seconds", "told"), [(0, "now"), (59, "59 s"), (61, "1 min"), (7300, "2 h"), (90000, "1 d")])
def test_times_are_told_in_the_largest_unit(seconds: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_000.0 + seconds)
    assert ago(1_000_000.0).removesuffix(" ago") == told


def test_what_was_asked_over_http_is_on_the_page_with_its_pictures() -> None:
    client = browsing(Journal())
    client.post("/predict", json=calls.predict([calls.task(7)], context=calls.text("red")))
    client.post("/predict", json=calls.predict([calls.task(8, "/data/upload/1/a.png")]))
    read = page(client)
    assert "red 1 region, best 0.90 task 7, project 1" in read.text
    assert "BadImage · task 8, project 1" in read.text
    for attributes in read.all("img"):
        assert client.get(f"/{attributes['src']}").status_code == 200


def test_a_label_that_cannot_be_looked_for_is_named_once_the_models_can_tell() -> None:
    """Also where Label Studio asked for the setup before they were loaded."""
    may_load = threading.Event()

    def load() -> EngineProtocol:
        may_load.wait()
        return ColourEngine()

    client = opened(SETTINGS, load, Journal()).test_client()
    schema = calls.BITMASK.replace('value="Red thing"', f'value="{"zyqxv" * 24}"')
    assert client.post("/setup", json={"project": "5.1", "schema": schema}).status_code == 200
    assert "zyqxv" not in page(client).text
    may_load.set()
    while client.get("/ready").status_code != 200:
        pass
    assert "zyqxv" in page(client).text

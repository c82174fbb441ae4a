"""The webhook over HTTP: who may tell events, and what they are answered."""

import base64
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.settings import Settings
from tests.backend.clients import opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.webhooks.told import event

SECRET = "a/secret"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=f"sqlite:///{tmp_path}/anyword.db")


def client_of(settings: Settings) -> FlaskClient:
    return opened(settings, ColourEngine).test_client()


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_an_event_is_recorded(settings: Settings) -> None:
    response = client_of(settings).post("/webhook", data=event(), content_type="application/json")
    assert (response.status_code, response.get_json()) == (200, {"status": "recorded"})


def test_what_is_no_event_is_refused_with_a_reason(settings: Settings) -> None:
    response = client_of(settings).post("/webhook", data=b"{", content_type="application/json")
    assert response.status.startswith("400 webhook: ")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/webhook/{SECRET}", {}, 200),
        ("/webhook", {"X-Anyword-Secret": SECRET}, 200),
        ("/webhook", basic("user", "password"), 200),
        ("/webhook", {}, 401),
        ("/webhook/wrong", {}, 401),
        ("/webhook", {"X-Anyword-Secret": "a/secre\u00e9"}, 401),
        ("/webhook", basic("user", "wrong"), 401),
    ],
)
@pytest.mark.parametrize("action", ["ANNOTATION_CREATED", "START_TRAINING"])
def test_with_a_secret_events_need_it_or_the_password(
    settings: Settings, path: str, headers: dict[str, Any], status: int, action: str
) -> None:
    guarded = replace(settings, webhook_secret=SECRET, basic_auth_user="user", basic_auth_password="password")
    response = client_of(guarded).post(path, data=event(action), headers=headers, content_type="application/json")
    assert response.status_code == status
    if status == 401:
        assert "ANYWORD_WEBHOOK_SECRET" in response.get_json()["error"]
        assert SECRET not in response.get_data(as_text=True)


def test_without_a_secret_and_a_password_nothing_is_asked_for(settings: Settings) -> None:
    client = client_of(settings)
    assert client.post("/webhook/any", data=event()).status_code == 200
    guarded = client_of(replace(settings, webhook_secret=SECRET))
    assert guarded.post("/webhook", data=event(), headers=basic("", "")).status_code == 401


def test_a_secret_in_the_address_is_not_shown(settings: Settings) -> None:
    client = client_of(replace(settings, webhook_secret=SECRET))
    assert client.post(f"/webhook/{SECRET}", data=b"{").status_code == 400
    assert SECRET not in client.get("/", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert SECRET not in client.get("/metrics").get_data(as_text=True)


def test_a_database_that_is_locked_is_answered_at_once(settings: Settings, tmp_path: Path) -> None:
    client = client_of(settings)
    lock = sqlite3.connect(tmp_path / "anyword.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    response = client.post("/webhook", data=event())
    lock.execute("ROLLBACK")
    lock.close()
    assert (response.status_code, response.get_json()) == (200, {"status": "recorded"})
    metrics = client.get("/metrics").get_data(as_text=True)
    assert 'anyword_events_total{action="ANNOTATION_CREATED",outcome="spooled"} 1.0' in metrics

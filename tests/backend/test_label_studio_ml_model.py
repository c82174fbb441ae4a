"""The service under the official runner; what needs the runner itself is skipped where it is not installed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from label_studio_sdk.label_interface.objects import PredictionValue
from werkzeug.exceptions import BadRequest

from backend import problems
from backend.inference.predict import NOT_REACHED, Predictor
from backend.labelstudio import label_config
from backend.problems import Problem
from backend.server import official_runner
from backend.settings import Settings
from model.errors import Misconfigured
from tests.backend import calls
from tests.backend.clients import opened, version_of
from tests.backend.colour_engine import ColourEngine

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
BAD = Problem(422, "The task has no picture", "BadImage")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Predictor]:
    """The process's service with an engine that answers by colour."""
    monkeypatch.setattr(official_runner, "create_app", partial(opened, load=ColourEngine))
    official_runner._created.cache_clear()
    yield official_runner.service()
    official_runner._created.cache_clear()


def answered(service: Predictor, tasks: list[Any], context: Any = None) -> list[Any]:
    config = label_config.read(calls.BITMASK)
    return service.answer(official_runner.asked(tasks, context, config, "1"))


# The adapter's own logic


def test_there_is_one_service_in_a_process_however_many_ask_first(service: Predictor) -> None:
    official_runner._created.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: official_runner.service(), range(32)))
    assert {id(each) for each in made} == {id(official_runner.service())}
    assert made[0] is not service


def test_the_runners_variables_stand_in_for_ours() -> None:
    theirs = {"LABEL_STUDIO_URL": "http://runner", "LABEL_STUDIO_API_KEY": "key", "LOG_LEVEL": "verbose"}
    settings = official_runner.settings_of(theirs)
    assert (settings.label_studio_url, settings.label_studio_api_key) == ("http://runner", "key")
    ours = official_runner.settings_of({**theirs, "ANYWORD_LABEL_STUDIO_URL": "http://ours"})
    assert (ours.label_studio_url, ours.label_studio_api_key) == ("http://ours", "key")
    assert official_runner.settings_of({**theirs, "ANYWORD_LABEL_STUDIO_URL": ""}) == settings
    assert official_runner.settings_of({}) == Settings()


def test_one_bad_task_of_two_is_not_reached(service: Predictor) -> None:
    outcomes = answered(service, [calls.task(1), {"id": 2, "data": {}}])
    good, bad = problems.entries(outcomes)
    assert problems.trouble(outcomes) is None
    assert good == outcomes[0]
    assert bad == []


def test_a_call_whose_every_task_failed_is_refused_with_the_first_reason() -> None:
    assert problems.trouble([BAD, NOT_REACHED]) == BAD
    assert problems.trouble([]) is None


def test_a_call_without_tasks_or_config_is_refused() -> None:
    with pytest.raises(BadRequest, match="label_config"):
        official_runner.asked([], None, None, "1")
    with pytest.raises(BadRequest, match="a list of tasks"):
        official_runner.asked(None, None, label_config.read(calls.BITMASK), "1")


def test_a_failed_engine_is_told_in_place_of_a_version() -> None:
    def load() -> ColourEngine:
        raise Misconfigured("there is no such checkpoint")

    predictions: Predictor = opened(Settings(), load).extensions["anyword"]
    with pytest.raises(Misconfigured):
        predictions.loader.wait(60)
    with pytest.raises(Misconfigured, match="no such checkpoint"):
        official_runner.version(predictions, "1")


@pytest.mark.parametrize("context", [None, calls.text("red"), calls.point(25, 25)])
def test_the_runners_prediction_says_what_ours_says(service: Predictor, context: Any) -> None:
    """The runner's response holds the SDK's predictions, and dumps them into the answer."""
    [prediction] = answered(service, [calls.task()], context)
    assert prediction["result"]
    assert PredictionValue.model_validate(prediction).model_dump() == prediction


def test_the_runner_is_pinned_to_a_revision() -> None:
    [pin] = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]["label-studio-ml"]
    assert re.fullmatch(r"label-studio-ml @ git\+https://github\.com/HumanSignal/[\w-]+\.git@[0-9a-f]{40}", pin)


# Under the runner


@pytest.fixture
def client(service: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of the official runner."""
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))  # for cache.db, which the first import makes
    api = pytest.importorskip("label_studio_ml.api", reason="the official runner is not installed")
    assert service is official_runner.service()
    from backend.label_studio_ml_model import AnywordModel

    client: FlaskClient = api.init_app(model_class=AnywordModel).test_client()
    return client


def test_the_version_is_the_same_in_setup_and_in_predictions(client: FlaskClient) -> None:
    setup = {"project": "1.1", "schema": calls.BITMASK, "extra_params": {"an": "object"}}
    response = client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red")))
    [prediction] = response.get_json()["results"]
    version = version_of(calls.BITMASK)
    assert client.post("/setup", json=setup).get_json() == {"model_version": version}
    assert prediction["model_version"] == version
    assert {item["from_name"] for item in prediction["result"]} == {"mask", "label", "status"}


def test_two_projects_do_not_mix(client: FlaskClient) -> None:
    first = calls.predict([calls.task()], context=calls.text("red"))
    second = {**calls.predict([calls.task()], calls.BRUSH, calls.text("red")), "project": "2.1"}
    kinds = [
        {item["type"] for item in client.post("/predict", json=body).get_json()["results"][0]["result"]}
        for body in (first, second, first)
    ]
    assert kinds == [{"bitmask", "labels", "textarea"}, {"brushlabels"}, {"bitmask", "labels", "textarea"}]


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("/setup", {"project": "1.1", "schema": calls.WITHOUT_MASK}, "422 Labeling config needs <Brush> or <Bitmask>"),
        ("/predict", calls.predict([{"id": 1, "data": {}}]), "422 The task has no picture under 'image'"),
        ("/predict", {"project": "1.1", "tasks": [], "label_config": "<View"}, "422 Labeling config is not readable"),
        ("/predict", {"project": "1.1", "label_config": calls.BRUSH}, "400 The request lacks 'a list of tasks'"),
    ],
)
def test_a_refusal_has_a_reason_and_no_trace(client: FlaskClient, route: str, body: Any, status: str) -> None:
    response = client.post(route, json=body)
    assert response.status.startswith(status)
    assert "Traceback" not in response.get_data(as_text=True)


def test_a_batch_keeps_what_was_reached(client: FlaskClient) -> None:
    response = client.post("/predict", json=calls.predict([{"id": 1, "data": {}}, calls.task(2)]))
    [bad, good] = response.get_json()["results"]
    assert bad == []
    assert good["result"]


def test_an_event_is_taken_note_of(client: FlaskClient) -> None:
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 1, "label_config": calls.BITMASK}}
    assert client.post("/webhook", json=event).get_json() == {"result": {"status": "ignored"}, "status": "ok"}

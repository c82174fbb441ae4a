"""What a real Label Studio 1.23.2 sent, answered in full and checked as the SDK checks predictions."""

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from label_studio_sdk.label_interface.interface import LabelInterface

from backend.settings import Settings
from tests.backend import picture_server
from tests.backend.clients import opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.configs import RECORDED, recorded

NAMES = sorted(file.stem for file in RECORDED.glob("*.json"))
ONLY_NEGATIVE = "predict-point-other-label"  # one click with the label "Negative"
PREDICTIONS = [name for name in NAMES if name.startswith("predict-") and name != ONLY_NEGATIVE]
EVENTS = [name for name in NAMES if name.startswith("webhook-")]


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    with picture_server.serving() as url:
        yield opened(Settings(label_studio_url=url), ColourEngine).test_client()


def test_the_recordings_are_there() -> None:
    if not NAMES:
        pytest.skip("the recorded requests are not beside this checkout")
    assert len(PREDICTIONS) >= 17
    assert len(EVENTS) >= 8


@pytest.mark.parametrize("name", PREDICTIONS)
def test_every_recorded_prediction_is_valid(client: FlaskClient, name: str) -> None:
    body = recorded(name)
    client.post("/setup", json={**recorded("setup"), "project": body["project"]})
    response = client.post("/predict", json=body)
    assert response.status_code == 200, response.status
    predictions = json.loads(response.get_data())["results"]
    assert len(predictions) == len(body["tasks"])
    interface = LabelInterface(body["label_config"])
    for prediction in predictions:
        assert interface.validate_prediction(prediction, return_errors=True) == []  # type: ignore[no-untyped-call]
        sizes = {(item["original_width"], item["original_height"]) for item in prediction["result"]}
        assert sizes <= {(320, 240)}


def test_recorded_points_boxes_and_texts_give_regions(client: FlaskClient) -> None:
    for name in ("predict-point", "predict-two-points", "predict-box", "predict-text-trailing-newline"):
        [prediction] = client.post("/predict", json=recorded(name)).get_json()["results"]
        assert prediction["result"], name


def test_a_recorded_negative_point_alone_is_refused_with_a_reason(client: FlaskClient) -> None:
    body = {**recorded(ONLY_NEGATIVE), "project": "of its own"}
    response = client.post("/predict", json=body)
    assert response.status.startswith("422 only negative points")


def test_setup_is_answered(client: FlaskClient) -> None:
    assert client.post("/setup", json=recorded("setup")).get_json()["model_version"].startswith("anyword-")


@pytest.mark.parametrize("name", EVENTS)
def test_every_recorded_event_is_answered(client: FlaskClient, name: str) -> None:
    assert client.post("/webhook", json=recorded(name)).status_code == 200

"""Events of newer servers: answered as they expect, and never read as a prompt."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.inference.predict import event_of
from backend.inference.predict_request import PredictRequest
from backend.labelstudio import label_config
from backend.server.events import Events, capabilities
from model.types import Answer
from tests.backend import calls
from tests.backend.clients import VERSION, client_of, masks, results, version_of
from tests.backend.colour_engine import ColourEngine
from tests.backend.configs import SCRIBBLE, A, B, C, D


@pytest.fixture
def client() -> FlaskClient:
    return client_of(ColourEngine())


@pytest.mark.parametrize(
    ("xml", "prompts", "tag"),
    [
        (A, ["point", "box", "text"], "Bitmask"),
        (B, ["point", "box", "text"], "Brush"),
        (C, ["point", "box", "text"], "BrushLabels"),
        (D, ["point", "box", "text"], "BitmaskLabels"),
        (SCRIBBLE, ["box", "scribble"], "BrushLabels"),
    ],
)
def test_capabilities_are_those_of_the_labelling_config(xml: str, prompts: list[str], tag: str) -> None:
    assert capabilities(label_config.read(xml), VERSION) == {
        "prompts": prompts,
        "targets": [{"tag": tag, "output": "mask"}],
        "model_info": {"name": "Anyword", "model_version": VERSION},
    }


def test_a_server_that_asks_for_capabilities_finds_them_where_it_looks(client: FlaskClient) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([{"id": 1}], A, {"event": "capabilities"})))
    assert prediction["result"][0]["value"]["targets"] == [{"tag": "Bitmask", "output": "mask"}]
    assert prediction["model_version"] == version_of(A)


@pytest.mark.parametrize("event", ["prewarm", "release", "track", "", 7, ["prewarm"], {"name": "prewarm"}, True])
def test_an_event_is_never_a_prompt(client: FlaskClient, event: Any) -> None:
    context = {**calls.point(25, 25), "event": event}
    predictions = results(client.post("/predict", json=calls.predict([calls.task(1), calls.task(2)], A, context)))
    assert [prediction["result"] for prediction in predictions] == [[], []]


def test_no_event_leaves_the_prompt_a_prompt(client: FlaskClient) -> None:
    context = {**calls.point(25, 25), "event": None}
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], A, context)))
    assert len(masks(prediction)) == 1
    assert event_of(None) is event_of("text") is event_of({"result": []}) is None


@pytest.mark.parametrize("event", ["prewarm", "release", "track"])
def test_who_waits_for_an_event_is_told_of_each_task(event: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, Any]] = []
    events = Events(
        lambda _: VERSION,
        prewarm=lambda task, _: told.append(("prewarm", task)),
        release=lambda task, _: told.append(("release", task)),
    )
    ask = PredictRequest(["one", "two"], {"event": event}, label_config.read(A), "")
    assert [prediction["result"] for prediction in events.answer(ask)] == [[], []]
    assert told == ([] if event == "track" else [(event, "one"), (event, "two")])
    assert ("'track' is not known here" in caplog.text) == (event == "track")


def test_an_event_is_answered_without_the_models() -> None:
    client = client_of(Untouched())
    for event in ("capabilities", "release", "track"):
        results(client.post("/predict", json=calls.predict([calls.task()], A, {"event": event})))


class Untouched(ColourEngine):
    """An engine that nobody may ask."""

    def segment(self, *_: object, **__: object) -> Answer:
        raise AssertionError("an event is no prompt")

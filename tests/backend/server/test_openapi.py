"""The description of the routes: all of them, as they answer, and strict about what Label Studio cannot digest."""

import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from backend import __version__
from backend.page.journal import Journal
from backend.server.openapi import description
from model.errors import Misconfigured
from tests.backend import calls
from tests.backend.clients import SETTINGS, client_of, opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.configs import EVERY
from tests.backend.entries import entry
from tests.backend.page import learned

CAPABILITIES = {"event": "capabilities"}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    journal = Journal()
    journal.record(entry())
    client = opened(SETTINGS, ColourEngine, journal).test_client()
    while client.get("/ready").status_code != 200:
        pass
    return client


def described(method: str, path: str, response: TestResponse) -> None:
    """Check that the status, the content type and the JSON of an answer are those of the description."""
    answers = description()["paths"][path][method]["responses"]
    assert str(response.status_code) in answers
    answer = resolved(answers[str(response.status_code)])
    assert response.mimetype in answer["content"]
    assert set(answer.get("headers", {})) <= set(response.headers.keys())
    if response.mimetype == "application/json":
        problems = [
            error.message
            for error in validator(answer["content"][response.mimetype]["schema"]).iter_errors(strict(response))
        ]
        assert problems == []


def resolved(node: dict[str, Any]) -> Any:
    return description()["components"]["responses"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": description()["components"]})


def strict(response: TestResponse) -> Any:
    """The JSON of an answer; NaN and Infinity, which Python would read, are none."""
    return json.loads(response.get_data(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_every_route_is_described_and_nothing_else(client: FlaskClient) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, methods in description()["paths"].items() for method in methods} == routes


def test_the_description_is_served_with_the_version(client: FlaskClient) -> None:
    served = client.get("/openapi.json").get_json()
    assert (served["openapi"], served["info"]["version"]) == ("3.1.0", __version__)


def test_every_schema_is_one() -> None:
    components = description()["components"]
    Draft202012Validator.check_schema({"$defs": components["schemas"]})
    text = json.dumps(description())
    used = {part.partition('"')[0] for part in text.split('"$ref": "#/components/')[1:]}
    assert used == {f"{kind}/{name}" for kind in ("schemas", "responses", "parameters") for name in components[kind]}


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/versions", "/metrics", "/openapi.json", "/style.css"])
def test_gets_answer_as_described(client: FlaskClient, path: str) -> None:
    described("get", path, client.get(path))


@pytest.mark.parametrize(("panel", "status"), [("asked", 200), ("answer", 200), ("map-0", 200), ("map-1", 404)])
def test_pictures_answer_as_described(client: FlaskClient, panel: str, status: int) -> None:
    response = client.get(f"/requests/1/{panel}.png")
    described("get", "/requests/{number}/{panel}.png", response)
    assert response.status_code == status


@pytest.mark.parametrize("xml", EVERY)
@pytest.mark.parametrize("context", [None, CAPABILITIES, calls.text("dog"), calls.point(25, 25), calls.text("")])
def test_predictions_answer_as_described(client: FlaskClient, xml: str, context: Any) -> None:
    described("post", "/predict", client.post("/predict", json=calls.predict([calls.task()], xml, context)))


def test_a_batch_with_a_bad_task_answers_as_described(client: FlaskClient) -> None:
    request = calls.predict([calls.task(), "no task"])
    described("post", "/predict", client.post("/predict", json=request))


@pytest.mark.parametrize("path", ["/predict", "/setup"])
@pytest.mark.parametrize(
    "request_",
    [
        {"json": {}},
        {"json": []},
        {"data": b"{", "content_type": "application/json"},
        {"data": b"text"},
        {"json": {"tasks": [], "label_config": "<View", "schema": "<View"}},
        {"data": b" " * 3_000_000, "content_type": "application/json"},
    ],
)
def test_refusals_answer_as_described(client: FlaskClient, path: str, request_: dict[str, Any]) -> None:
    response = client.post(path, **request_)
    assert response.status_code >= 400
    described("post", path, response)


def test_examples_of_requests_are_valid_and_go_well(client: FlaskClient) -> None:
    for path in ("/predict", "/setup"):
        content = description()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert validator(content["schema"]).is_valid(example["value"])
            response = client.post(path, json=example["value"])
            assert response.status_code == 200
            described("post", path, response)


def test_the_other_calls_of_label_studio_answer_as_described(client: FlaskClient) -> None:
    described("post", "/setup", client.post("/setup", json={"schema": calls.BITMASK, "project": "1.1"}))
    described("post", "/webhook", client.post("/webhook", json={"action": "ANNOTATION_CREATED"}))


def test_projects_answer_as_described(tmp_path: Path) -> None:
    store = learned.database(tmp_path)
    learned.teach(store)
    locked = replace(SETTINGS, database=store.name, basic_auth_user="anna", basic_auth_password="secret")
    client, path, auth = opened(locked, ColourEngine).test_client(), "/projects/{project}", ("anna", "secret")
    own = {"Sec-Fetch-Site": "same-origin"}
    for project, status in (("12", 200), (learned.KEY, 200), ("77", 404)):
        answer = client.get(f"/projects/{project}", auth=auth)
        assert answer.status_code == status
        described("get", path, answer)
    for form, headers, status in (
        ({"do": "pin"}, {}, 403),
        ({"do": "x"}, own, 400),
        ({"do": "rollback", "number": "9"}, own, 422),
    ):
        answer = client.post(f"/projects/{learned.KEY}", data=form, headers=headers, auth=auth)
        assert answer.status_code == status
        described("post", path, answer)
    assert client.post(f"/projects/{learned.KEY}", data={"do": "pin"}, headers=own, auth=auth).status_code == 303


def test_a_failed_start_answers_as_described() -> None:
    def load() -> ColourEngine:
        raise Misconfigured("ANYWORD_BACKBONE: there is no folder /weights")

    client = opened(SETTINGS, load).test_client()
    described("get", "/ready", client.get("/ready"))
    described("post", "/setup", client.post("/setup", json={"schema": calls.BITMASK}))


def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient) -> None:
    response = client.put("/predict", json={})
    assert (response.status_code, set(response.headers["Allow"].split(", "))) == (405, {"POST", "OPTIONS"})
    assert response.get_json()["error"]


# What Label Studio cannot digest


def good() -> Any:
    """The answer to a click, with its status message."""
    request = calls.predict([calls.task()], calls.BITMASK, calls.text("red"))
    return client_of(ColourEngine()).post("/predict", json=request).get_json()


def put(answer: Any, path: list[Any], value: Any) -> Any:
    """The answer with one value changed, or taken away where it is `...`."""
    answer = deepcopy(answer)
    place = answer
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return answer


PREDICTION = ["results", 0]
ITEM = [*PREDICTION, "result", 0]
MALFORMED: list[tuple[str, list[Any], Any]] = [
    ("no prediction", PREDICTION, None),
    ("a nested result", [*PREDICTION, "result"], [[{}]]),
    ("no result", [*PREDICTION, "result"], None),
    ("a score in words", [*PREDICTION, "score"], "0.9"),
    ("no score", [*PREDICTION, "score"], None),
    ("a score beyond 1", [*PREDICTION, "score"], 1.5),
    ("no model version", [*PREDICTION, "model_version"], None),
    ("an empty model version", [*PREDICTION, "model_version"], ""),
    ("a list around a prediction", PREDICTION, [{"result": []}]),
    ("no id", [*ITEM, "id"], ...),
    ("an empty id", [*ITEM, "id"], ""),
    ("a control of another kind", [*ITEM, "type"], "polygon"),
    ("no size", [*ITEM, "original_width"], ...),
    ("a size of nothing", [*ITEM, "original_height"], 0),
    ("a turned picture", [*ITEM, "image_rotation"], 90),
    ("no mask", [*ITEM, "value", "imageDataURL"], ...),
    ("a mask of another format", [*ITEM, "value", "imageDataURL"], "data:image/jpeg;base64,AAAA"),
    ("run-length code in a bitmask", [*ITEM, "value"], {"format": "rle", "rle": [0] * 20}),
    ("something else beside it", ["trace"], "Traceback"),
]


def test_the_answer_that_is_spoilt_below_is_a_good_one() -> None:
    assert predicted().is_valid(good())


@pytest.mark.parametrize(("path", "value"), [pytest.param(*row[1:], id=row[0]) for row in MALFORMED])
def test_a_malformed_answer_does_not_fit(path: list[Any], value: Any) -> None:
    assert not predicted().is_valid(put(good(), path, value))


def predicted() -> Draft202012Validator:
    answer = description()["paths"]["/predict"]["post"]["responses"]["200"]
    return validator(answer["content"]["application/json"]["schema"])

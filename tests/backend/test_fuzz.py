"""Hostile requests: whatever comes in, there is no 5xx, no hang, and the answer is clean JSON.

A long run draws other requests each time: `FUZZ_REQUESTS=10000 python -m pytest tests/backend/test_fuzz.py`
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from backend.labelstudio import bitmask, brush_rle
from backend.settings import Settings
from tests.backend import calls, picture_server
from tests.backend.clients import client_of, masks, opened, results, status_text
from tests.backend.colour_engine import ColourEngine
from tests.backend.configs import RECORDED, A, B, C, D

SECONDS = 5.0  # of the processor's time for one request; on a busy machine a hang is told from waiting that way
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "300"))
settings.register_profile("fuzz", derandomize="FUZZ_REQUESTS" not in os.environ, deadline=None)
fuzzing = settings(settings.get_profile("fuzz"), max_examples=REQUESTS, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    """The real app with an engine that answers by colour, and pictures on the loopback."""
    with picture_server.serving() as url:
        chosen = Settings(label_studio_url=url, image_timeout=1.0, max_image_megapixels=1)
        yield opened(chosen, ColourEngine).test_client()


def ask(client: FlaskClient, route: str, body: Any) -> TestResponse:
    """Send a body, JSON or bytes, and hold the answer against what every answer has to be."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    started = time.process_time()
    response = client.post(route, data=data, content_type="application/json")
    assert time.process_time() - started < SECONDS
    assert response.status_code < 500, response.status
    check(route, data, response.status_code, response.get_data(as_text=True))
    return response


def check(route: str, data: bytes, status: int, text: str) -> None:
    """Hold an answer that is no 5xx against what every answer has to be; raises AssertionError."""
    answer = json.loads(text, parse_constant=_refused)
    assert "Unexpected error" not in text  # which the status area would show, with a 200
    assert "Traceback" not in text
    if route == "/predict" and status == 200:
        assert len(answer["results"]) == len(json.loads(data)["tasks"])


def _refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


# What Label Studio sends, with any node replaced by anything


def _drawn(tag: str) -> dict[str, Any]:
    """A task with a prediction, an annotation and a draft, each of them with a mask."""
    mask = np.zeros((60, 80), np.bool_)
    mask[10:20, 10:40] = True
    value = (
        {"imageDataURL": bitmask.encode(mask)} if tag == "bitmask" else {"format": "rle", "rle": brush_rle.encode(mask)}
    )
    head = {"id": "r1", "from_name": "mask", "to_name": "image", "type": tag, "image_rotation": 0}
    region = {**head, "original_width": 80, "original_height": 60, "value": value, "score": 0.5}
    label = {**region, "type": "labels", "from_name": "label", "value": {**value, "labels": ["Dog"]}}
    result = [region, label, *calls.text("red")["result"], *calls.point(20, 20)["result"]]
    held = {"id": 1, "result": result, "created_at": "2026-11-20T10:00:00Z", "was_cancelled": False}
    return {**calls.task(), "annotations": [held], "predictions": [held], "drafts": [{**held, "annotation": None}]}


def _samples() -> list[tuple[str, Any]]:
    contexts = [
        None,
        calls.text("red"),
        calls.point(25, 25),
        calls.box(10, 10, 40, 40),
        calls.line((20, 20), (30, 30)),
        calls.scribble(np.ones((60, 80), np.bool_)),
        {"event": "prewarm", **calls.point(25, 25)},
    ]
    configs = [(A, "bitmask"), (B, "brush"), (C, "brush"), (D, "brush"), (calls.STROKES, "bitmask")]
    asked = [calls.predict([_drawn(tag)], config, context) for config, tag in configs for context in contexts]
    setup = {"project": "1.1", "schema": A, "hostname": "http://127.0.0.1:9", "access_token": "x", "extra_params": {}}
    task = _drawn("brush")
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 1, "label_config": A}, "task": task}
    event["annotation"] = task["annotations"][0]
    return [("/setup", setup), ("/webhook", event), *(("/predict", body) for body in asked)]


def _recorded() -> list[tuple[str, Any]]:
    """The requests of a real Label Studio, where they are beside this checkout."""
    kinds = ("predict", "setup", "webhook")
    files = [file for file in sorted(RECORDED.glob("*.json")) if file.stem.startswith(kinds)]
    return [(f"/{file.stem.partition('-')[0]}", json.loads(file.read_text())["body"]) for file in files]


SAMPLES = _samples() + _recorded()
ROUTES = ["/predict", "/setup", "/webhook"]
WORDS = ["", "image", "prompt", "status", "mask", "Dog", "../../etc/passwd", "http://127.0.0.1:9/a", "data:,", "\ud800"]
NUMBERS = [0, -1, 100, 1e9, -1e9, 1e308, math.nan, math.inf, 10**400, 2**63, 1e-320, True]
leaves = (
    st.none() | st.sampled_from(NUMBERS) | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8)
)
keys = st.sampled_from(["id", "value", "x", "y", "text", "rle", "result", "labels", "data", "event", "image", ""])
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)


def paths(node: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every node of a JSON value; of a long list only its first entries differ."""
    entries = node.items() if isinstance(node, dict) else enumerate(node[:3]) if isinstance(node, list) else ()
    for key, inner in entries:
        yield (key,)
        yield from ((key, *path) for path in paths(inner))


WAYS = [list(paths(body)) for _, body in SAMPLES]


def changed(body: Any, path: tuple[Any, ...], value: Any, how: str) -> None:
    """Replace, remove or repeat the node at a path, where an earlier change has left one."""
    for key in path[:-1]:
        body = _child(body, key)
    if _child(body, path[-1]) is None:
        return
    if how == "remove":
        del body[path[-1]]
    else:
        body[path[-1]] = [body[path[-1]]] * 40 if how == "repeat" else value


def _child(node: Any, key: Any) -> Any:
    """What is there; None where it is null or nothing."""
    if isinstance(node, dict):
        return node.get(key)
    return node[key] if isinstance(node, list) and isinstance(key, int) and key < len(node) else None


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    """A request of Label Studio with one to three nodes replaced by any JSON value, removed or repeated."""
    index = draw(st.integers(0, len(SAMPLES) - 1))
    route, body = copy.deepcopy(SAMPLES[index])
    for _ in range(draw(st.integers(1, 3))):
        how = draw(st.sampled_from(["replace"] * 6 + ["remove", "repeat"]))
        changed(body, draw(st.sampled_from(WAYS[index])), draw(anything) if how == "replace" else None, how)
    return route, body


@fuzzing
@given(request=requests())
def test_a_request_with_anything_in_it_is_answered(client: FlaskClient, request: tuple[str, Any]) -> None:
    ask(client, *request)


@settings(fuzzing, max_examples=REQUESTS // 4)
@given(route=st.sampled_from(ROUTES), body=anything | st.binary(max_size=40))
def test_a_body_of_anything_is_answered(client: FlaskClient, route: str, body: Any) -> None:
    ask(client, route, body)


# Hostile on purpose


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    """A JSON value in as many lists or objects."""
    return opening * levels + "0" + closing * levels


PLACES = {
    "text": lambda body, node: body["params"]["context"]["result"][0]["value"].update(text=node),
    "context": lambda body, node: body["params"].update(context=node),
    "task": lambda body, node: body["tasks"].append(node),
    "draft": lambda body, node: body["tasks"][0].update(drafts=node),
    "mask": lambda body, node: body["tasks"][0]["annotations"][0]["result"][0].update(value=node),
    "labels": lambda body, node: body["params"]["context"]["result"][0]["value"].update(labels=[node]),
    "project": lambda body, node: body.update(project=node),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("levels", [60, 900, 5000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", '{"result":}', '{"value":}'])
def test_deeply_nested_json_is_answered(client: FlaskClient, place: str, levels: int, brackets: str) -> None:
    body = calls.predict([_drawn("brush")], B, calls.text("red"))
    PLACES[place](body, "NESTED")
    nested = deep(levels, brackets[:-1], brackets[-1])
    ask(client, "/predict", json.dumps(body).replace('"NESTED"', nested).encode())


@pytest.mark.parametrize("levels", [900, 100_000])
def test_a_deeply_nested_labelling_config_is_answered(client: FlaskClient, levels: int) -> None:
    schema = A.replace("</View>", "<View>" * levels + "</View>" * levels + "</View>")
    ask(client, "/setup", {"project": "1.1", "schema": schema})


def _many(item: dict[str, Any], count: int) -> dict[str, Any]:
    """A context with as many items, each with an id and a place of its own."""
    moved = [{**item["value"], "x": 5 + number % 80, "y": 5 + number % 77} for number in range(count)]
    return {"result": [{**item, "id": f"p{number}", "value": value} for number, value in enumerate(moved)]}


@pytest.mark.parametrize("kind", ["points", "boxes", "texts", "strokes", "submissions", "corners"])
def test_ten_thousand_prompts_are_answered(client: FlaskClient, kind: str) -> None:
    contexts = {
        "points": lambda: _many(calls.point(0, 0)["result"][0], 10_000),
        "boxes": lambda: _many(calls.box(0, 0, 5, 5)["result"][0], 10_000),
        "texts": lambda: {"result": calls.text("red")["result"] * 10_000},
        "strokes": lambda: {"result": calls.line((10, 10), (30, 30))["result"] * 10_000},
        "submissions": lambda: calls.text(*["red"] * 10_000),
        "corners": lambda: calls.line(*[(number % 90, number % 83) for number in range(10_000)]),
    }
    ask(client, "/predict", calls.predict([calls.task()], calls.STROKES, contexts[kind]()))


@pytest.mark.parametrize("size", [1e9, -1e9, 1e308, 100.02, 10**400, 1e-320])
def test_percentages_beyond_sense_are_told(client: FlaskClient, size: float) -> None:
    contexts = [calls.point(size, 5), calls.box(5, 5, size, 10), calls.line((5, 5), (5, size))]
    for context in contexts:
        ask(client, "/predict", calls.predict([calls.task()], calls.STROKES, context))
    [prediction] = results(ask(client, "/predict", calls.predict([calls.task()], calls.STROKES, calls.point(1e9, 5))))
    assert masks(prediction) == []
    assert "point" in status_text(prediction)


@pytest.mark.parametrize("kind", ["masks", "points", "strings", "numbers", "many"])
def test_huge_drafts_are_answered(client: FlaskClient, kind: str) -> None:
    region = _drawn("brush")["drafts"][0]["result"][0]
    results_of: dict[str, Callable[[], list[Any]]] = {
        "masks": lambda: [{**region, "value": {"format": "rle", "rle": [255] * 400_000}}],
        "points": lambda: _many(calls.point(0, 0)["result"][0], 10_000)["result"],
        "strings": lambda: calls.text("red " * 300_000)["result"],
        "numbers": lambda: [5] * 300_000,
        "many": lambda: [],
    }
    drafts = [{"id": 1, "result": results_of[kind]()}] * (10_000 if kind == "many" else 1)
    task = {**calls.task(), "drafts": drafts}
    ask(client, "/predict", calls.predict([task], B, calls.point(25, 25)))


@pytest.mark.parametrize("project", ["1.1795168390", "2.1", "", None, 7, "1", {"id": 1}, "x" * 10_000])
def test_a_guessed_project_or_task_tells_nothing_of_another(project: Any) -> None:
    """What one annotator typed for a task is not in the answer to a click with a made-up project or task."""
    client = client_of(ColourEngine())
    secret = calls.predict([calls.task(4711)], context=calls.text("red"))
    ask(client, "/predict", {**secret, "project": "4711.1795168390"})
    for number in (4711, "4711", 1, -1, 0, None, 10**30, "../4711", True, 4711.0, [4711], {"id": 4711}, "\ud800"):
        guess = calls.predict([{**calls.task(), "id": number}], context=calls.point(75, 75))
        [prediction] = results(ask(client, "/predict", {**guess, "project": project}))
        assert len(masks(prediction)) == 1
        assert "red" not in json.dumps(prediction)

"""Whatever picture comes, and however it is pointed at, the embedded models answer with what Label Studio can take.

`FUZZ_REQUESTS=500 python -m pytest tests/backend/test_any_request.py` draws as many requests, other ones each time,
about pictures of up to 12 megapixels.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, event, given, settings
from label_studio_sdk.label_interface.interface import LabelInterface

from backend.page.drawing import draw, panels
from backend.page.journal import Journal
from backend.settings import Settings
from tests.backend import calls
from tests.backend.any_request import Asked, asked
from tests.backend.clients import opened
from tests.cases.judge import Answered, read

LONG = "FUZZ_REQUESTS" in os.environ
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "30"))
MOST_PIXELS = 12_000_000 if LONG else 200_000
SLACK, LEAST_SLACK = 0.1, 2  # of a box's side, and pixels, that an answer may pass it by
JOURNAL = Journal()
numbers = itertools.count(1)  # a project of its own for each example: no session reaches into the next


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    """The real app with the embedded models."""
    return opened(Settings(learn_every=0, log_level="ERROR"), journal=JOURNAL).test_client()


@settings(
    max_examples=REQUESTS,
    derandomize=not LONG,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(request=asked(MOST_PIXELS))
def test_any_request_about_any_picture_is_answered(client: FlaskClient, request: Asked) -> None:
    event(request.kind)
    event(request.tag)
    task, project = calls.task(1, request.photo.url), f"{next(numbers)}.1"
    for context in request.contexts:
        response = client.post("/predict", json={**calls.predict([task], request.config, context), "project": project})
        assert response.status_code == 200, response.get_data(as_text=True)
        answered = read(response.status_code, response.get_json())
        check(request, answered, response.get_json()["results"][0])
        if request.kind == "boxes" and context is not None:
            _stays_inside(answered, context, request.photo.size)
    sketch = JOURNAL.entries[0].sketch if JOURNAL.entries else None
    assert sketch is None or all(draw(sketch, panel.name) for panel in panels(sketch))


def check(request: Asked, answered: Answered, prediction: dict[str, Any]) -> None:
    """Hold an answer against the server's validator, the picture's size, and what people read."""
    interface = LabelInterface(request.config)
    assert interface.validate_prediction(prediction, return_errors=True) == []  # type: ignore[no-untyped-call]
    assert "Unexpected error" not in answered.said
    assert "Traceback" not in answered.said
    assert answered.regions or answered.said or request.contexts == (None,)
    for region in answered.regions:
        assert region.mask.shape == request.photo.size
        assert region.mask.any()


def _stays_inside(answered: Answered, context: dict[str, Any], size: tuple[int, int]) -> None:
    """Every pixel lies in some box with its slack; turned boxes have tests of their own."""
    values = [item["value"] for item in context["result"]]
    if any(value["rotation"] for value in values):
        return
    allowed = np.zeros(size, np.bool_)
    for value in values:
        rows, columns = (_reach(value, *sides) for sides in (("y", "height", size[0]), ("x", "width", size[1])))
        allowed[rows, columns] = True
    assert all(not (region.mask & ~allowed).any() for region in answered.regions)


def _reach(value: dict[str, Any], start: str, length: str, side: int) -> slice:
    low, high = sorted((value[start] * side / 100, (value[start] + value[length]) * side / 100))
    slack = max(SLACK * (high - low), LEAST_SLACK)
    return slice(max(0, int(low - slack)), int(np.ceil(high + slack)))

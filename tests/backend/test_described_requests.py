"""Requests drawn from the OpenAPI description that the server gives of itself: no 5xx, and answers as described.

A long run draws other requests each time:
`FUZZ_REQUESTS=10000 python -m pytest tests/backend/test_described_requests.py`
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backend.settings import Settings
from tests.backend.clients import opened
from tests.backend.colour_engine import ColourEngine

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "15"))  # of each kind
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DRAWN = settings(
    derandomize="FUZZ_REQUESTS" not in os.environ,
    max_examples=REQUESTS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def description() -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", opened(Settings(image_timeout=1.0), ColourEngine))


SETUP, PREDICT, EVENT, PICTURE = "/setup", "/predict", "/webhook", "/requests/{number}/{panel}.png"
FITTING, OTHER = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
KINDS = [
    ("post", SETUP, FITTING),
    ("post", SETUP, OTHER),
    ("post", PREDICT, FITTING),
    ("post", PREDICT, OTHER),
    ("post", EVENT, FITTING),  # every event fits
    ("get", PICTURE, FITTING),
    ("get", PICTURE, OTHER),
]


@pytest.mark.parametrize(("method", "path", "mode"), KINDS)
def test_requests_that_fit_the_description_and_others_are_answered_as_described(
    description: Any, method: str, path: str, mode: GenerationMode
) -> None:
    @DRAWN
    @given(case=description[path][method].as_strategy(mode))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    check()

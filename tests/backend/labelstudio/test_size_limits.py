"""JSON and labelling configs that would take long to read: refused before anything is built of them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from backend.labelstudio import size_limits
from backend.labelstudio.label_config import read
from backend.labelstudio.size_limits import DEEPEST, LONGEST_CONFIG, MOST_PARTS, MOST_TAGS
from model.errors import Misconfigured
from tests.backend import calls
from tests.backend.clients import SETTINGS, client_of
from tests.backend.colour_engine import ColourEngine

LABELS = "".join(
    f'<Label value="Blue label number {number}" alias="label_{number}" predicted_values="thing {number}"/>'
    for number in range(10_000)
)


def config(labels: str = '<Label value="Thing"/>', inside: int = 0) -> str:
    """A labelling config with labels, inside some more views."""
    return "<View>" * inside + calls.BRUSH.replace('<Label value="Thing"/>', labels, 1) + "</View>" * inside


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * levels + ("" if opening == "[" else "1") + closing * levels).encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('{"a]":[', "]}"), ('["\\\\",[', "]]")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_depth_is_counted_outside_texts(opening: str, closing: str, encoding: str) -> None:
    each = len(closing)
    for levels, fits in ((DEEPEST // each, True), (DEEPEST // each + 1, False)):
        raw = nested(levels, opening, closing).decode().encode(encoding)
        if fits:
            assert size_limits.loads(raw) == json.loads(raw)
        else:
            with pytest.raises(size_limits.Exceeded, match="nested deeper than 100 levels"):
                size_limits.loads(raw)


@pytest.mark.parametrize("text", ["[" * 500, '"[' * 500, "\\" * 501 + "[" * 500, '\\"' * 7 + "{" * 500, "é[" * 300])
def test_brackets_in_texts_are_no_levels(text: str) -> None:
    body = {"a": [text, {"b": text}], text: 1}
    assert size_limits.loads(json.dumps(body).encode()) == body
    assert size_limits.loads(json.dumps(body, ensure_ascii=False).encode()) == body


def test_depth_is_counted_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"a": ["]" * 9, {"b\\": [[['"[', 2]]] * 60}], "c": [[]] * 200}
    raw = json.dumps(body).encode()
    for chunk in (1, 2, 7, 1000):
        monkeypatch.setattr(size_limits, "CHUNK", chunk)
        monkeypatch.setattr(size_limits, "DEEPEST", 7)
        assert size_limits.loads(raw) == body
        monkeypatch.setattr(size_limits, "DEEPEST", 5)
        with pytest.raises(size_limits.Exceeded):
            size_limits.loads(raw)


def test_parts_are_counted() -> None:
    assert len(size_limits.loads(b"[" + b"{}," * (MOST_PARTS // 10) + b"1]")) == MOST_PARTS // 10 + 1
    with pytest.raises(size_limits.Exceeded, match="more than 1,000,000 lists and objects"):
        size_limits.loads(b"[" + b"[]," * MOST_PARTS + b"1]")


def test_refusing_is_faster_than_reading() -> None:
    wide = b"[" + b"{}," * MOST_PARTS + b"1]"
    started = time.thread_time()
    json.loads(wide)
    reading = time.thread_time() - started
    started = time.thread_time()
    with pytest.raises(size_limits.Exceeded):
        size_limits.loads(wide)
    assert time.thread_time() - started < reading


def test_a_draft_with_large_masks_is_read() -> None:
    body = {"tasks": [{"drafts": [{"result": [{"value": {"rle": [0, 255] * 500_000}}]}]}]}
    assert size_limits.loads(json.dumps(body).encode()) == body


def test_ten_thousand_labels_are_read() -> None:
    assert len(read(config(LABELS)).labels) == 10_000


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (config('<Label value="a"/>' * MOST_TAGS), "has more than 50,000 tags"),
        (config(f'<Label value="{"a" * LONGEST_CONFIG}"/>'), "has 4.0 million characters, but may have 4"),
        (config(inside=DEEPEST), "is nested deeper than 100 tags"),
        ("<View>" * 10 * DEEPEST, "is nested deeper than 100 tags"),
        ("<!DOCTYPE View []>" + config(), "is not readable XML"),
    ],
    ids=["tags", "characters", "depth", "unfinished", "doctype"],
)
def test_a_config_that_exceeds_a_bound_says_which(xml: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        read(xml)


def test_a_config_within_the_bounds_is_read() -> None:
    assert read(config(inside=DEEPEST - 3)).labels[0].value == "Thing"


def test_a_config_is_not_built_before_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []
    monkeypatch.setattr("backend.labelstudio.label_config.fromstring", lambda *given, **_: built.append(given))
    with pytest.raises(Misconfigured):
        read(config(inside=10 * DEEPEST))
    assert not built


def test_setup_shows_the_reason_in_its_status_line() -> None:
    client = client_of(ColourEngine(), SETTINGS)
    deep = client.post("/setup", json={"project": "1.1", "schema": config(inside=DEEPEST)})
    assert deep.status == "422 Labeling config is nested deeper than 100 tags"
    body = b'{"project": "1.1", "schema": ' + nested(DEEPEST) + b"}"
    refused = client.post("/setup", data=body, content_type="application/json")
    assert refused.status == "400 The request is not valid JSON, or is nested deeper than 100 levels"
    event = client.post("/webhook", data=body, content_type="application/json")
    assert event.status == "400 webhook: The request is not valid JSON, or is nested deeper than 100 levels"

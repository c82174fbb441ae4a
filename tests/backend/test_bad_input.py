"""Bad input through Flask's test client: a clear message, no trace, and the next request works."""

import base64
import resource
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import ImageFile

from tests.backend import calls, picture_server
from tests.backend.clients import SETTINGS, client_of, masks, results, status_text
from tests.backend.colour_engine import ColourEngine
from tests.backend.log_lines import logged

ALL_AS_JSON = replace(SETTINGS, log_format="json", log_level="DEBUG")


@pytest.fixture
def client() -> FlaskClient:
    return client_of(ColourEngine())


@pytest.fixture
def next_one_works(client: FlaskClient) -> Iterator[None]:
    yield
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=calls.text("red"))))
    assert len(masks(prediction)) == 1


BAD_PROMPTS = [
    ("empty text", calls.text(""), "type what to look for"),
    ("no text", {"result": [{**calls.text("x")["result"][0], "value": {}}]}, "type what to look for"),
    ("3,000 words", calls.text("red " * 3000), "3000 words"),
    ("point outside", calls.point(130, 20), "outside"),
    ("point that is not a number", calls.point(float("nan"), 20), "point"),
    ("point without coordinates", calls.point(None, None), "point"),
    ("only a negative point", calls.point(20, 20, positive=False), "negative"),
    ("box without area", calls.box(20, 20, 0, 0), "box"),
    ("box that is not a number", calls.box(20, float("nan"), 10, 10), "box"),
    ("box outside", calls.box(150, 150, 10, 10), "outside"),
    ("empty scribble", calls.scribble(np.zeros((60, 80), np.bool_)), "stroke is empty"),
    ("scribble of another size", calls.scribble(np.ones((6, 8), np.bool_)), "the picture has 80 x 60"),
    ("line outside", calls.line((20, 20), (130, 20)), "outside"),
    ("line that is not a number", calls.line((20, 20), (float("nan"), 20)), "line"),
]
WITHOUT_STATUS = calls.STROKES.replace('name="status"', 'name="notes"')


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize(("context", "said"), [pytest.param(*row[1:], id=row[0]) for row in BAD_PROMPTS])
def test_a_bad_prompt_is_told_in_the_status_area_else_the_reason_phrase_and_in_the_log(
    client: FlaskClient, context: dict[str, Any], said: str
) -> None:
    with logged(ALL_AS_JSON) as log:
        [prediction] = results(client.post("/predict", json=calls.predict([calls.task(7)], calls.STROKES, context)))
        refused = client.post("/predict", json=calls.predict([calls.task(8)], WITHOUT_STATUS, context))
    assert masks(prediction) == []
    assert said in status_text(prediction)
    assert refused.status_code == 422
    assert said in refused.status
    tasks = [entry for entry in log.entries if entry["message"] == "Task refused"]
    assert [(entry["task"], entry["kind"], entry.get("reason")) for entry in tasks] == [
        ("7", "BadQuery", None),  # it may quote what was typed
        ("8", "BadQuery", None),
    ]
    assert log.messages.count(f"The refusal: {status_text(prediction)}") == 2
    assert "Traceback" not in log.text


NOTHING_FOUND = [
    ("text without a noun", "quickly", "no thing is named"),
    ("another script", "красный круг", "красный круг"),
    ("unknown label", "Aardvark: green", "green"),
]


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize(("typed", "said"), [pytest.param(*row[1:], id=row[0]) for row in NOTHING_FOUND])
def test_a_text_that_finds_nothing_is_answered_with_the_reason(client: FlaskClient, typed: str, said: str) -> None:
    context = calls.text(typed)
    with logged(ALL_AS_JSON) as log:
        [prediction] = results(client.post("/predict", json=calls.predict([calls.task(7)], context=context)))
        [silent] = results(client.post("/predict", json=calls.predict([calls.task(8)], WITHOUT_STATUS, context)))
    assert masks(prediction) == []
    assert silent["result"] == []
    assert said in status_text(prediction)
    assert log.messages.count(f"The answer: {status_text(prediction)}") == 2


BAD_PICTURES = [
    ("missing", {"id": 1, "data": {}}, "no picture under 'image'"),
    ("not a text", {"id": 1, "data": {"image": 5}}, "no picture under 'image'"),
    ("no data", {"id": 1}, "no picture under 'image'"),
    ("not an object", "task", "no picture under 'image'"),
    ("unreadable", calls.task(url="data:image/png;base64,AAAA"), "the file is damaged or no picture"),
    ("not a picture", calls.task(url="data:text/plain;base64,aGVsbG8="), "the file is damaged or no picture"),
    ("dead link", calls.task(url="http://localhost:9/picture.png"), "localhost:9"),
    ("relative without an address", calls.task(url="/data/upload/1/picture.png"), "set ANYWORD_LABEL_STUDIO_URL"),
    ("of an unknown kind", calls.task(url="ftp://localhost/picture.png"), "neither a link nor a path"),
]


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize(("task", "said"), [pytest.param(*row[1:], id=row[0]) for row in BAD_PICTURES])
def test_a_bad_picture_is_told(client: FlaskClient, task: Any, said: str) -> None:
    with logged(replace(ALL_AS_JSON, log_level="INFO")) as log:
        [prediction] = results(client.post("/predict", json=calls.predict([task], context=calls.text("red"))))
        alone = client.post("/predict", json=calls.predict([task]))
    assert masks(prediction) == []
    assert said in status_text(prediction)
    assert alone.status_code == 422
    assert said in alone.status
    assert alone.get_json()["error"] == status_text(prediction)
    reasons = [entry["reason"] for entry in log.entries if entry["message"] == "Task refused"]
    assert reasons == [status_text(prediction)] * 2
    assert "Traceback" not in log.text


def enormous_png() -> bytes:
    """A whole picture of 200 megapixels, all black, 1 bit each: 25 KB of file, 600 MB as red, green and blue."""
    width, height = 20_000, 10_001
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(1 + width // 8)) for _ in range(height)) + packer.flush()
    ihdr = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", ihdr) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize(("megapixels", "said"), [(100, "more than 100 megapixels"), (178, "more than 178 megapixels")])
def test_a_picture_of_200_megapixels_is_refused_without_its_pixels(
    megapixels: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded.append)
    client = client_of(ColourEngine(), replace(SETTINGS, max_image_megapixels=megapixels))
    uri = "data:image/png;base64," + base64.b64encode(enormous_png()).decode()
    request = calls.predict([calls.task(url=uri)], context=calls.text("red"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [prediction] = results(client.post("/predict", json=request))
    assert decoded == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes
    assert said in status_text(prediction)


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize(
    ("path", "said"), [("/locked/a.png", "401"), ("/gone/a.png", "404"), ("/page/a.png", "leads to a page in HTML")]
)
def test_a_picture_that_the_server_does_not_give_is_told(path: str, said: str) -> None:
    with picture_server.serving() as url:
        client = client_of(ColourEngine(), replace(SETTINGS, label_studio_url=url))
        request = calls.predict([calls.task(url=path)], context=calls.text("red"))
        [prediction] = results(client.post("/predict", json=request))
        [working] = results(client.post("/predict", json=calls.predict([calls.task(url="/data/upload/1/a.png")])))
    assert said in status_text(prediction)
    assert len(masks(working)) == 2


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize("context", [None, {}, "a string", 7, [], {"result": None}, {"result": "text"}])
def test_a_context_without_prompts_is_a_pre_annotation(client: FlaskClient, context: Any) -> None:
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=context)))
    assert len(masks(prediction)) == 2


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize("params", ["absent", None, "text", {}])
def test_requests_without_a_context_are_a_pre_annotation(client: FlaskClient, params: Any) -> None:
    request = {**calls.predict([calls.task()]), "params": params}
    if params == "absent":
        del request["params"]
    [prediction] = results(client.post("/predict", json=request))
    assert len(masks(prediction)) == 2


@pytest.mark.usefixtures("next_one_works")
def test_an_unknown_event_changes_nothing(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    context = {"event": "track", **calls.point(25, 25)}
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], context=context)))
    assert prediction["result"] == []
    assert "track" in caplog.text


@pytest.mark.usefixtures("next_one_works")
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"data": b"tasks", "content_type": "text/plain"}, "415 Content type is text/plain, but has to be"),
        ({"data": b"tasks"}, "415 Content type is missing"),
        ({"data": b"{", "content_type": "application/json"}, "400 The request is not valid JSON"),
        ({"data": b"\xff\xfe", "content_type": "application/json"}, "400 The request is not valid JSON"),
        ({"data": b"[" * 100_000, "content_type": "application/json"}, "400 The request is not valid JSON"),
        ({"json": []}, "400 The request has to be a JSON object"),
        ({"json": {}}, "400 The request lacks 'tasks'"),
        ({"json": {"tasks": {}, "label_config": calls.BRUSH}}, "400 'tasks' has to be a list"),
        ({"json": {"tasks": []}}, "400 The request lacks 'label_config'"),
        ({"json": {"tasks": [], "label_config": "<View"}}, "422 Labeling config is not readable XML"),
        ({"json": {"tasks": [], "label_config": calls.WITHOUT_MASK}}, "422 Labeling config needs <Brush> or <Bitmask>"),
    ],
)
def test_a_bad_request_has_a_reason(client: FlaskClient, request_: dict[str, Any], status: str) -> None:
    assert client.post("/predict", **request_).status.startswith(status)


@pytest.mark.usefixtures("next_one_works")
def test_a_body_that_is_too_large_is_turned_away(client: FlaskClient) -> None:
    response = client.post("/predict", data=b" " * 40_000_000, content_type="application/json")
    assert response.status == "413 The request has 40 MB, ANYWORD_MAX_BODY_MB is 1"


def test_no_task_is_no_result(client: FlaskClient) -> None:
    assert results(client.post("/predict", json=calls.predict([]))) == []

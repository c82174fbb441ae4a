"""No malformed answer can be produced: whatever the engine finds, Label Studio can take what is sent."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_studio_sdk.converter import brush
from label_studio_sdk.label_interface.interface import LabelInterface
from PIL import Image as Pictures

from backend.labelstudio import bitmask, brush_rle
from backend.settings import Settings
from model.types import Answer, Clause, Finding, Image, Mask, Phrase, Query, Segment, Word
from tests.backend import calls
from tests.backend.clients import opened
from tests.backend.colour_engine import ready
from tests.backend.malformed import MALFORMED, Reply, faults, unpacked

ORIENTATION, SIDEWAYS = 0x0112, 5  # EXIF's tag, and the first of its values that swap height and width
TAGS = ("Brush", "BrushLabels", "Bitmask", "BitmaskLabels")
numbers = itertools.count(1)  # a task of its own for each request: no session reaches from one example into the next


@dataclass
class Prepared:
    """An engine that finds what the test has prepared, given the query."""

    answer: Callable[[Query], Answer] = field(default=lambda _: Answer(()))

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:  # noqa: ARG002
        return self.answer(query)

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None]
    ) -> tuple[Callable[[], Answer], ...]:
        return tuple(ready(self.segment(image, query, give_way)) for image in images)


ENGINE = Prepared()


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return opened(Settings(), lambda: ENGINE).test_client()


# What may come: any label, any picture, any finding

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=12)
scores = st.floats() | st.integers(-2, 2)
sizes = st.tuples(st.integers(1, 13), st.integers(1, 13))


def config_of(tag: str, labels: list[str], status: bool = True) -> str:
    """A labelling config with these labels, whatever characters they hold."""
    nodes = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
    shared = "" if tag.endswith("Labels") else f'<Labels name="label" toName="image">{nodes}</Labels>'
    area = '<TextArea name="status" toName="image" editable="false" smart="false"/>' if status else ""
    return f"""<View>{shared}<Image name="image" value="$image"/>
      <KeyPoint name="point" toName="image" smart="true"/><Rectangle name="box" toName="image" smart="true"/>
      <TextArea name="prompt" toName="image"/>{area}
      <{tag} name="mask" toName="image" smart="false">{nodes if tag.endswith("Labels") else ""}</{tag}></View>"""


def photo(size: tuple[int, int], orientation: int) -> str:
    """A data URI of a picture that is (H, W) as the browser shows it, and stored turned as its EXIF entry says."""
    height, width = size if orientation < SIDEWAYS else (size[1], size[0])
    exif, stream = Pictures.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    Pictures.new("RGB", (width, height), (90, 120, 60)).save(stream, "JPEG", exif=exif)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


@st.composite
def findings(draw: st.DrawFn, size: tuple[int, int]) -> Callable[[Query], Answer]:
    """What an engine might say of a picture of this size: any masks, empty ones too, any scores, any phrases."""
    masks: list[Mask] = draw(st.lists(arrays(np.bool_, size), max_size=4))
    masks += masks[: draw(st.integers(0, 1))]  # the same object twice
    told = [(mask, draw(scores), draw(st.just("") | names), draw(st.integers(0, 9))) for mask in masks]
    absent = draw(st.lists(names, max_size=2))
    warnings = tuple(draw(st.lists(st.text(max_size=8), max_size=2)))

    def answer(query: Query) -> Answer:
        segments = [_segment(*one, query) for one in told]
        missed = [Finding(_phrase(text), 0, np.ones((2, 2), np.float32), math.nan, False) for text in absent]
        return Answer(tuple(segments), tuple(missed if query.clauses else ()), warnings)

    return answer


def _phrase(text: str) -> Phrase:
    return Phrase(text, Word(text, text, 0, len(text)))


def _segment(mask: Mask, score: float, text: str, index: int, query: Query) -> Segment:
    clause = index % len(query.clauses) if query.clauses else None
    hint = index % len(query.hints) if query.hints else None
    return Segment(mask, score, _phrase(text) if text else None, clause, hint, presence=score)


@st.composite
def contexts(draw: st.DrawFn, labels: list[str]) -> Any:
    """What is asked for: nothing, a text, a click or a box."""
    asked = draw(st.sampled_from(["nothing", "text", "point", "box"]))
    if asked == "nothing":
        return None
    if asked == "text":
        return calls.text(draw(st.sampled_from(["dog", "dog; cat", *labels]) | names))
    context = calls.point(50, 50) if asked == "point" else calls.box(20, 20, 60, 60)
    [item] = context["result"]
    label = {**item, "type": "labels", "from_name": "label", "value": {"labels": draw(st.lists(names, max_size=2))}}
    return {"result": [item, label]}


@settings(derandomize=True, max_examples=120)
@given(data=st.data(), size=sizes, orientation=st.integers(1, 8), tag=st.sampled_from(TAGS))
def test_whatever_the_engine_finds_label_studio_can_take_the_answer(
    client: FlaskClient, data: st.DataObject, size: tuple[int, int], orientation: int, tag: str
) -> None:
    labels: list[str] = data.draw(st.lists(names, max_size=3))
    xml, context = config_of(tag, labels, data.draw(st.booleans())), data.draw(contexts(labels))
    ENGINE.answer = data.draw(findings(size))
    url, count = photo(size, orientation), 1 if context else data.draw(st.integers(1, 3))
    tasks = [_annotated(next(numbers), url) for _ in range(count)]
    version = client.post("/setup", json={"project": "1.1", "schema": xml}).get_json()["model_version"]
    response = client.post("/predict", json=calls.predict(tasks, xml, context))
    assert response.status_code in (200, 422), response.status  # 422: a text such as ";" asks for nothing
    if response.status_code == 200:
        reply = Reply(response.get_data(), version, size, count, frozenset({TAKEN}) if context is None else frozenset())
        assert faults(reply) == set()
        _check(reply, xml)


TAKEN = "f" * 32


def _annotated(number: int, url: str) -> dict[str, Any]:
    """A task that has an annotation already."""
    region = {"id": TAKEN, "from_name": "mask", "to_name": "image", "type": "brush", "value": {}}
    return {**calls.task(number, url), "annotations": [{"id": 7, "result": [region]}]}


def _check(reply: Reply, xml: str) -> None:
    """The server's own validator has nothing to say, scores are shares, and all decoders read the same white mask."""
    interface = LabelInterface(xml)
    for prediction in reply.predictions:
        assert interface.validate_prediction(prediction, return_errors=True) == []  # type: ignore[no-untyped-call]
        assert 0 <= prediction["score"] <= 1
    for item, pixels in reply.masks:
        assert pixels is not None
        assert 0 <= item["score"] <= 1
        assert (item["original_height"], item["original_width"], item["image_rotation"]) == (*reply.size, 0)
        mask = pixels[..., 3].reshape(reply.size) == 255
        assert (pixels.reshape(-1, 4)[mask.ravel()] == 255).all()  # newer editors read red
        np.testing.assert_array_equal(_served(item, reply.size), mask)


def _served(item: dict[str, Any], size: tuple[int, int]) -> Mask:
    """The mask as the server's decoder reads it, for run-length data the same as the SDK's."""
    if "imageDataURL" in item["value"]:
        return bitmask.decode(item["value"]["imageDataURL"])
    mask = brush_rle.decode(item["value"]["rle"], size)
    np.testing.assert_array_equal(brush.decode_rle(item["value"]["rle"]).reshape(*size, 4)[..., 3] >= 128, mask)
    return mask


# The checks find what they are for

SIZE = (5, 7)


def sound(tag: str = "Brush") -> Any:
    """The body of a good answer: one task, two regions with a mask and a label each."""
    half = np.zeros(SIZE, np.bool_)
    half[:3, 1:4] = True
    ENGINE.answer = lambda _: Answer(tuple(Segment(mask, 0.5, clause=0) for mask in (half, ~half)))
    client = opened(Settings(), lambda: ENGINE).test_client()
    tasks = [calls.task(1, photo(SIZE, 1))]
    return client.post("/predict", json=calls.predict(tasks, config_of(tag, ["Dog", "Cat"]))).get_json()


def _set(body: Any, **changes: Any) -> None:
    body["results"][0].update(changes)


def _set_item(body: Any, index: int = 0, **changes: Any) -> None:
    body["results"][0]["result"][index].update(changes)


def _set_id(body: Any, region: int, name: str) -> None:
    """Rename the first or second region; each is two items."""
    for index in (2 * region, 2 * region + 1):
        _set_item(body, index, id=name)


def _set_mask(body: Any, pixels: Any) -> None:
    code = brush.encode_rle(np.asarray(pixels, np.uint8).ravel())  # type: ignore[no-untyped-call]
    _set_item(body, value={"format": "rle", "rle": code})


def _grey(body: Any) -> None:
    pixels = np.full((*SIZE, 4), 255)
    pixels[0, 0, 3] = 97
    _set_mask(body, pixels)


def _cut(body: Any) -> None:
    value = body["results"][0]["result"][0]["value"]
    value["rle"] = value["rle"][:-2]


PLANTED: dict[str, Callable[[Any], None]] = {
    "model version null": lambda body: _set(body, model_version=None),
    "model version other than that of setup": lambda body: _set(body, model_version="another"),
    "another number of results than of tasks": lambda body: body["results"].append([]),
    "null for a task": lambda body: body.update(results=[None]),
    "result null": lambda body: _set(body, result=None),
    "prediction in a list": lambda body: body.update(results=[body["results"]]),
    "score that is a string": lambda body: _set_item(body, score="0.5"),
    "score that is not finite": lambda body: _set(body, score=math.nan),
    "mask of another size": lambda body: _set_mask(body, np.full((*SIZE[::-1], 8), 255)),
    "run-length data cut short": _cut,
    "mask without pixels": lambda body: _set_mask(body, np.zeros((*SIZE, 4))),
    "half-transparent pixels": _grey,
    "short region id": lambda body: _set_id(body, 0, "x7"),
    "region id twice or taken": lambda body: _set_id(body, 1, body["results"][0]["result"][0]["id"]),
}


def test_there_are_14_malformed_answers_and_each_is_planted() -> None:
    assert list(PLANTED) == list(MALFORMED)
    assert len(MALFORMED) == 14


@pytest.mark.parametrize("name", PLANTED)
def test_a_malformed_answer_is_found(name: str) -> None:
    body = sound()
    version = body["results"][0]["model_version"]
    assert faults(Reply(json.dumps(body).encode(), version, SIZE)) == set()
    PLANTED[name](body)
    assert faults(Reply(json.dumps(body).encode(), version, SIZE)) == {name}


def test_a_region_that_is_there_already_is_found() -> None:
    body = sound("BitmaskLabels")
    [prediction] = body["results"]
    taken = frozenset({prediction["result"][1]["id"]})
    reply = Reply(json.dumps(body).encode(), prediction["model_version"], SIZE, 1, taken)
    assert faults(reply) == {"region id twice or taken"}


@settings(derandomize=True, max_examples=40)
@given(mask=arrays(np.bool_, sizes))
@example(np.zeros((150, 150), np.bool_))  # a run longer than its 16 bits can say
def test_our_decoder_reads_what_the_sdk_reads(mask: Mask) -> None:
    code = brush_rle.encode(mask)
    pixels = unpacked(code)
    assert pixels is not None
    np.testing.assert_array_equal(pixels.ravel(), brush.decode_rle(code))
    np.testing.assert_array_equal(pixels[:, 3].reshape(mask.shape) == 255, mask)
    assert unpacked(code[:-2]) is None

"""Masks that were accepted are not offered once more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from backend.labelstudio import brush_rle
from tests.backend import calls
from tests.backend.clients import client_of, masks, results
from tests.backend.colour_engine import COLOURS, ColourEngine

RED, BLUE = ((calls.picture() == np.array(colour)).all(axis=-1) for colour in (COLOURS["red"], COLOURS["blue"]))
SPLIT_BRUSH = calls.BITMASK.replace("<Bitmask ", "<Brush ")
MERGED = """<View><Image name="image" value="$image"/><TextArea name="prompt" toName="image"/>
  <BrushLabels name="mask" toName="image"><Label value="red"/><Label value="blue"/></BrushLabels></View>"""


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return client_of(ColourEngine())


def offered(client: FlaskClient, config: str, **task: Any) -> list[str]:
    [prediction] = results(client.post("/predict", json=calls.predict([{**calls.task(), **task}], config)))
    items = prediction["result"]
    return [label for item in items for label in item["value"].get("labels", item["value"].get("brushlabels", []))]


def found(client: FlaskClient, config: str) -> list[dict[str, Any]]:
    """What a pre-annotation of the untouched task gives."""
    [prediction] = results(client.post("/predict", json=calls.predict([calls.task()], config)))
    items: list[dict[str, Any]] = prediction["result"]
    return items


@pytest.mark.parametrize("config", [calls.BITMASK, SPLIT_BRUSH, MERGED])
@pytest.mark.parametrize("where", ["annotations", "drafts"])
def test_what_was_accepted_is_not_offered_again(client: FlaskClient, config: str, where: str) -> None:
    items = found(client, config)
    first = [item for item in items if item["id"] == items[0]["id"]]
    before, after = offered(client, config), offered(client, config, **{where: [{"id": 1, "result": first}]})
    assert len(before) == 2
    assert after == before[1:]


def test_a_skipped_annotation_accepts_nothing(client: FlaskClient) -> None:
    skipped = {"result": found(client, MERGED), "was_cancelled": True}
    assert offered(client, MERGED, annotations=[skipped]) == ["red", "blue"]


def test_another_label_or_another_place_is_another_object(client: FlaskClient) -> None:
    red, _ = found(client, MERGED)
    as_blue = {**red, "value": {**red["value"], "brushlabels": ["blue"]}}
    elsewhere = {**red, "value": {**red["value"], "rle": brush_rle.encode(np.roll(RED, 15, axis=1))}}
    assert offered(client, MERGED, annotations=[{"result": [as_blue]}]) == ["red", "blue"]
    assert offered(client, MERGED, annotations=[{"result": [elsewhere]}]) == ["red", "blue"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        {},
        {"rle": "x"},
        {"rle": [1, 2]},
        {"rle": brush_rle.encode(RED[:5])},
        {"imageDataURL": "data:image/png;base64,"},
    ],
)
def test_an_accepted_mask_that_cannot_be_read_does_no_harm(client: FlaskClient, value: Any) -> None:
    labelled = {**value, "brushlabels": ["red"]} if isinstance(value, dict) else value
    item = {"id": "m", "from_name": "mask", "type": "brushlabels", "value": labelled}
    assert offered(client, MERGED, annotations=[{"result": [item]}]) == ["red", "blue"]


def test_a_click_is_answered_whatever_was_accepted(client: FlaskClient) -> None:
    task = {**calls.task(), "annotations": [{"result": found(client, calls.BITMASK)}]}
    [prediction] = results(client.post("/predict", json=calls.predict([task], context=calls.point(70, 75))))
    [mask] = masks(prediction)
    assert np.array_equal(mask, BLUE)

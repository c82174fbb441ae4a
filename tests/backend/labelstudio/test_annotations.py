"""Annotations as Label Studio tells them, read to the pixel."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from backend.labelstudio import label_config
from backend.labelstudio.annotations import AnnotationReading, read_annotation
from model.coco_rle import unpack
from model.errors import BadQuery
from tests.backend.configs import recorded
from tests.backend.webhooks.told import BITMASK, BRUSH, annotation, bits, brush, square, task, typed


def reading(entry: dict[str, Any], config: str = BRUSH, **told: Any) -> AnnotationReading:
    return read_annotation(entry, {**task(), **told}, label_config.read(config))


def test_a_brush_mask_is_read_to_the_pixel() -> None:
    found = reading(annotation(5, brush(square(), score=0.9, origin="prediction-changed"))).annotation
    [correction] = found.corrections
    assert np.array_equal(unpack(correction.mask), square())
    assert (correction.region, correction.label, correction.origin) == ("r1", "Thing", "prediction-changed")
    assert (found.id, found.task, found.picture, found.user) == (5, 1, "/data/1.png", "4")
    assert found.updated == datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC)
    assert found.complete
    assert (found.cancelled, found.ground_truth, found.imported) == (False, False, False)


def test_a_bitmask_has_its_label_from_the_item_with_the_same_id() -> None:
    found = reading(annotation(5, *bits(square(), "a"), *bits(square(40), "b", "BLUE")), BITMASK).annotation
    assert [(one.region, one.label) for one in found.corrections] == [("a", "Red thing"), ("b", "blue")]
    assert np.array_equal(unpack(found.corrections[1].mask), square(40))


def test_a_label_that_the_config_lost_is_kept_as_it_stands() -> None:
    assert reading(annotation(5, brush(square(), label="Gone"))).annotation.corrections[0].label == "Gone"


def test_a_mask_without_a_label_has_none() -> None:
    assert reading(annotation(5, *bits(square())[:1]), BITMASK).annotation.corrections[0].label is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"rle": [0, 4, 176, 0, 57, 27, 255]}, "the picture has 80 x 60"),
        ({"rle": brush(square())["value"]["rle"][:-6]}, "cut short"),
        ({"rle": 10**12}, "data URI"),
        ({"rle": ["a"]}, "list of bytes"),
        ({"imageDataURL": "data:image/png;base64,AAAA"}, "damaged"),
        ({"imageDataURL": bits(square()[:30])[0]["value"]["imageDataURL"]}, "80 x 30 pixels"),
        (None, "value"),
    ],
)
def test_a_damaged_mask_is_lost_alone(damage: Any, message: str) -> None:
    found = reading(annotation(5, brush(square(), "whole"), {**brush(square(), "torn"), "value": damage}))
    assert [one.region for one in found.annotation.corrections] == ["whole"]
    assert not found.annotation.complete
    [trouble] = found.troubles
    assert trouble.startswith("annotation 5, region torn: ")
    assert message in trouble


@pytest.mark.parametrize("size", [(59, 80), (None, 80), ("60", 80), (0, 80), (10**6, 10**6), (True, 80)])
def test_a_mask_of_another_size_than_stated_is_lost_alone(size: tuple[Any, Any]) -> None:
    odd = brush(square(), "odd", original_height=size[0], original_width=size[1])
    found = reading(annotation(5, odd, brush(square(), "whole")))
    assert [one.region for one in found.annotation.corrections] == ["whole"]
    assert not found.annotation.complete


def test_a_mask_without_pixels_is_none_and_no_trouble() -> None:
    found = reading(annotation(5, brush(np.zeros((60, 80), np.bool_))))
    assert found.annotation.corrections == ()
    assert found.annotation.complete


def test_texts_are_those_of_the_prompt_and_not_our_own_messages() -> None:
    items = [typed("a red thing ", "", 5, "the other"), typed("2 regions, best 0.9", area="status")]
    assert reading(annotation(5, *items), BITMASK).annotation.texts == ("a red thing", "the other")


@pytest.mark.parametrize(
    ("told", "user"),
    [
        ({"updated_by": {"id": 9, "email": "a@b"}}, "9"),
        ({"updated_by": None, "completed_by": {"id": 8}}, "8"),
        ({"updated_by": [{"user_id": 7}]}, "7"),
        ({"updated_by": None, "completed_by": None}, ""),
    ],
)
def test_the_user_is_whoever_changed_it_last(told: dict[str, Any], user: str) -> None:
    assert reading(annotation(5, **told)).annotation.user == user


def test_skips_ground_truth_and_imports_are_known() -> None:
    found = reading(annotation(5, was_cancelled=True, ground_truth=True, import_id=3, parent_prediction=12)).annotation
    assert (found.cancelled, found.ground_truth, found.imported, found.parent_prediction) == (True, True, True, 12)


@pytest.mark.parametrize(
    ("entry", "told", "message"),
    [
        ({"id": "x"}, {}, "annotation: the id"),
        ({"id": 2**70}, {}, "annotation: the id"),
        ({"updated_at": "yesterday"}, {}, "a time has to be"),
        ({"result": None}, {}, "no result"),
        ({}, {"data": {"text": "no picture"}}, "no picture under 'image'"),
        ({}, {"id": None}, "task: the id"),
    ],
)
def test_what_cannot_be_remembered_is_refused(entry: dict[str, Any], told: dict[str, Any], message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        reading(annotation(5, **entry), **told)


def test_the_recorded_annotation_of_the_editor_loses_its_shortened_mask_alone() -> None:
    body = recorded("webhook-annotation-created-from-editor")
    config = label_config.read(body["project"]["label_config"])
    found = read_annotation(body["annotation"], body["task"], config)
    assert (found.annotation.id, found.annotation.task, found.annotation.user) == (5, 1, "1")
    assert not found.annotation.complete


def test_the_recorded_annotation_of_the_api_has_its_text() -> None:
    body = recorded("webhook-annotation-created-by-api")
    found = read_annotation(body["annotation"], body["task"], label_config.read(body["project"]["label_config"]))
    assert found.annotation.texts == ("red box",)
    assert found.annotation.complete

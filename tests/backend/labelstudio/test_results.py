"""Answers of the engine -> results that Label Studio takes, with the right labels."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from backend.labelstudio import bitmask, brush_rle, label_config
from backend.labelstudio import results as results_module
from backend.labelstudio.label_config import LabelConfig
from backend.prompting.marks import Pointed
from backend.prompting.prompts import Request
from model.errors import Misconfigured
from model.types import Answer, Clause, Finding, Hint, Mask, Phrase, Point, Segment, Word
from tests.backend.configs import C_BITMASK, EVERY, A, B, C, recorded
from tests.backend.items import asked, results

IMAGE = '<Image name="image" value="$image"/>'


def mask(top: int = 5, left: int = 5, side: int = 10) -> Mask:
    pixels = np.zeros((30, 40), np.bool_)
    pixels[top : top + side, left : left + side] = True
    return pixels


def phrase(text: str, lemma: str = "") -> Phrase:
    noun = text.split()[-1]
    return Phrase(text, Word(noun, lemma or noun.lower(), 0, len(noun)))


def said(text: str, *labels: str | None, selected: str | None = None) -> Request:
    parts = text.split(";")
    pairs = zip(parts, labels or (None,) * len(parts), strict=True)
    return Request(tuple(Clause(part, label=label) for part, label in pairs), selected=selected)


def clicked(selected: str | None = None) -> Request:
    return Request(pointed=(Pointed(Hint((Point(8, 8),))),), selected=selected)


def named(text: str, config: str = C, lemma: str = "", request: Request | None = None) -> str | None:
    segment = Segment(mask(), 0.9, phrase(text, lemma), clause=0)
    return results_module.label_of(segment, request or said(text), label_config.read(config))


def of_labels(*labels: str) -> str:
    nodes = "".join(f'<Label value="{label}"/>' for label in labels)
    return f'<View>{IMAGE}<Labels name="l" toName="image">{nodes}</Labels><Brush name="b" toName="image"/></View>'


def errors(items: list[dict[str, Any]], xml: str) -> list[str]:
    prediction = json.loads(json.dumps(results_module.prediction(items, "v1"), allow_nan=False))
    found: list[str] = LabelInterface(xml).validate_prediction(prediction, return_errors=True)  # type: ignore[no-untyped-call]
    return found


# Result items


@pytest.mark.parametrize("xml", EVERY)
def test_every_kind_of_config_gets_valid_predictions(xml: str) -> None:
    config = label_config.read(xml)
    segments = (Segment(mask(), 0.9, phrase("dog"), clause=0), Segment(mask(left=20), 0.4, phrase("zebra"), clause=1))
    items = results(Answer(segments), said("dog;zebra"), config)
    status = [results_module.status_item("2 regions", config)] if config.status else []
    assert errors(items + status, xml) == []


@pytest.mark.parametrize("xml", EVERY)
def test_a_warning_goes_along_with_each_region_and_ends_the_message(xml: str) -> None:
    warned = Answer((Segment(mask(), 0.9, phrase("dog"), clause=0),), warnings=("the inversion went astray",))
    items = results(warned, said("dog"), label_config.read(xml))
    assert [item["meta"] for item in items] == [{"text": ["the inversion went astray"]}] * len(items)
    assert errors(items, xml) == []
    assert results_module.message(warned, said("dog")) == "1 region, best 0.90; the inversion went astray"


@pytest.mark.parametrize(("xml", "key"), [(C, "brushlabels"), (C_BITMASK, "bitmasklabels")])
def test_a_control_with_labels_gets_one_item_for_each_region(xml: str, key: str) -> None:
    answer = Answer((Segment(mask(), 0.9, phrase("dog"), clause=0),))
    (item,) = results(answer, said("dog"), label_config.read(xml))
    assert (item["from_name"], item["to_name"], item["type"], item["score"]) == ("mask", "image", key, 0.9)
    assert (item["original_width"], item["original_height"], item["image_rotation"]) == (40, 30, 0)
    assert item["value"][key] == ["Dog"]


@pytest.mark.parametrize(("xml", "tag"), [(A, "bitmask"), (B, "brush")])
def test_a_bare_control_gets_two_items_with_one_id(xml: str, tag: str) -> None:
    answer = Answer((Segment(mask(), 0.9, phrase("dog"), clause=0),))
    drawn, labelled = results(answer, said("dog"), label_config.read(xml))
    assert (drawn["type"], drawn["from_name"]) == (tag, "mask")
    assert (labelled["type"], labelled["from_name"], labelled["value"]["labels"]) == ("labels", "label", ["Dog"])
    assert drawn["id"] == labelled["id"]
    assert drawn["value"].items() <= labelled["value"].items()


def test_masks_come_back_from_both_formats() -> None:
    answer = Answer((Segment(mask(), 0.9, phrase("dog"), clause=0),))
    as_picture, *_ = results(answer, said("dog"), label_config.read(A))
    as_runs, *_ = results(answer, said("dog"), label_config.read(B))
    assert np.array_equal(bitmask.decode(as_picture["value"]["imageDataURL"]), mask())
    assert np.array_equal(brush_rle.decode(as_runs["value"]["rle"], (30, 40)), mask())


def test_ids_are_long_and_never_the_same() -> None:
    answer = Answer(tuple(Segment(mask(), 0.9, phrase("dog"), clause=0) for _ in range(20)))
    ids = {item["id"] for item in results(answer, said("dog"), label_config.read(C))}
    assert len(ids) == 20
    assert min(len(name) for name in ids) >= 22


def test_an_empty_mask_is_no_region() -> None:
    answer = Answer((Segment(mask(side=0), 0.9, phrase("dog"), clause=0),))
    assert results(answer, said("dog"), label_config.read(C)) == []
    assert results_module.message(answer, said("dog")) == "nothing found"


def test_a_label_with_an_alias_is_written_by_its_alias() -> None:
    labels = '<Label value="Hund" alias="dog"/><Label value="Katze"/>'
    xml = f'<View>{IMAGE}<BrushLabels name="b" toName="image">{labels}</BrushLabels></View>'
    answer = Answer((Segment(mask(), 0.9, phrase("hund"), clause=0),))
    items = results(answer, said("hund"), label_config.read(xml))
    assert items[0]["value"]["brushlabels"] == ["dog"]
    assert errors(items, xml) == []


def test_what_two_names_of_one_label_found_is_one_region() -> None:
    request = asked(None, label_config.read(C), (30, 40))
    once = (Segment(mask(), 0.7, phrase("Dog"), clause=0), Segment(mask(), 0.8, phrase("puppy"), clause=1))
    other = (Segment(mask(left=20), 0.6, phrase("hound"), clause=2), Segment(mask(), 0.5, phrase("light"), clause=3))
    items = results(Answer(once + other), request, label_config.read(C))
    assert [item["score"] for item in items] == [0.8, 0.6, 0.5]
    assert [item["value"]["brushlabels"] for item in items] == [["Dog"], ["Dog"], ["Traffic light"]]


# Labels


@pytest.mark.parametrize(
    ("text", "lemma", "label"),
    [
        ("dog", "", "Dog"),
        ("brown Dog", "", "Dog"),
        ("two dogs", "dog", "Dog"),
        ("dogs", "dogs", "Dog"),
        ("cute puppies", "puppy", "Dog"),
        ("red traffic lights", "light", "Traffic light"),
        ("light", "", None),
        ("hot dog stand", "", None),
    ],
)
def test_a_label_follows_from_what_the_phrase_names(text: str, lemma: str, label: str | None) -> None:
    assert named(text, lemma=lemma) == label


def test_the_longer_label_wins() -> None:
    assert named("red traffic light", of_labels("Light", "Traffic light")) == "Traffic light"
    assert named("red light", of_labels("Light", "Traffic light")) == "Light"


@pytest.mark.parametrize("label", ["class: circle", "circle [a]", "circle - good", "car/circle", "the_circle"])
def test_a_label_is_named_by_what_its_name_asks_for(label: str) -> None:
    assert named("blue circle", of_labels(label, "Zebra")) == label


def test_labels_that_are_called_the_same_tell_nothing() -> None:
    assert named("blue circle", of_labels("circle - good", "circle - bad")) is None
    assert named("blue circle", of_labels("circle [b]", "Circle")) == "Circle"


def test_a_plural_label_is_named_by_the_singular() -> None:
    assert named("box", of_labels("Boxes", "Cats")) == "Boxes"
    assert named("cherry", of_labels("Boxes", "cherries")) == "cherries"


def test_the_label_of_the_clause_comes_before_the_phrase_and_that_before_the_selected_one() -> None:
    assert named("dog", request=said("dog", "Traffic light")) == "Traffic light"
    assert named("dog", request=said("dog", selected="Traffic light")) == "Dog"
    assert named("zebra", request=said("zebra", selected="Traffic light")) == "Traffic light"


def test_a_click_carries_the_label_it_was_made_with() -> None:
    segment = Segment(mask(), 0.9, hint=0)
    assert results_module.label_of(segment, clicked("Dog"), label_config.read(C)) == "Dog"


def test_the_only_label_for_a_thing_is_meant_where_nothing_else_tells() -> None:
    assert named("zebra", of_labels("Object")) == "Object"
    assert named("zebra", of_labels("Object", "Background")) == "Object"


def test_where_nothing_tells_a_bare_control_gets_no_label_and_another_its_first() -> None:
    answer = Answer((Segment(mask(), 0.9, phrase("zebra"), clause=0),))
    assert [item["type"] for item in results(answer, said("zebra"), label_config.read(B))] == ["brush"]
    (item,) = results(answer, said("zebra"), label_config.read(C))
    assert item["value"]["brushlabels"] == ["Dog"]


# Predictions and messages


def test_the_score_of_a_prediction_is_the_mean_of_its_regions() -> None:
    answer = Answer((Segment(mask(), 0.9, hint=0), Segment(mask(left=20), 0.5, hint=0)))
    items = results(answer, clicked("Dog"), label_config.read(A))
    status = results_module.status_item("2 regions", label_config.read(A))
    prediction = results_module.prediction([*items, status], "v1")
    assert prediction["score"] == pytest.approx(0.7)
    assert prediction["model_version"] == "v1"
    assert prediction["result"] == [*items, status]


@pytest.mark.parametrize(("score", "written"), [(math.nan, 0.0), (math.inf, 0.0), (1.2, 1.0), (-0.1, 0.0)])
def test_scores_stay_between_0_and_1(score: float, written: float) -> None:
    items = results(Answer((Segment(mask(), score, hint=0),)), clicked(), label_config.read(C))
    assert items[0]["score"] == written
    assert type(results_module.prediction(items, "v1")["score"]) is float


def test_a_numpy_score_becomes_json() -> None:
    answer = Answer((Segment(mask(), np.float32(0.5), hint=0),))  # type: ignore[arg-type]
    assert errors(results(answer, clicked(), label_config.read(C)), C) == []


def test_nothing_found_is_a_prediction_too() -> None:
    assert results_module.prediction([], "v1") == {"result": [], "score": 0.0, "model_version": "v1"}


def absent(text: str, clause: int = 0) -> Finding:
    return Finding(phrase(text), clause, np.zeros((2, 2), np.float32), 0.01, present=False)


@pytest.mark.parametrize(
    ("answer", "request_", "message"),
    [
        (Answer((Segment(mask(), 0.934, hint=0),)), clicked(), "1 region, best 0.93"),
        (
            Answer((Segment(mask(), 0.9, hint=0), Segment(mask(left=20), 0.934, hint=0))),
            clicked(),
            "2 regions, best 0.93",
        ),
        (Answer((), (absent("zebra"),)), said("the zebra"), "no zebra found in the picture"),
        (
            Answer((), (absent("zebra"), absent("brown dog"))),
            said("a zebra and a brown dog"),
            "no zebra or brown dog found in the picture",
        ),
        (
            Answer((Segment(mask(), 0.9, phrase("dog"), clause=0),), (absent("zebra", 1),)),
            said("dog;zebra"),
            "1 region, best 0.90; no zebra found in the picture",
        ),
        (Answer(()), said("quickly"), 'no thing is named in "quickly"'),
        (Answer(()), said("собака " * 30), 'no thing is named in "собака собака собака собака собака со..."'),
        (Answer((), warnings=("'quickly' is too long",)), said("quickly"), "nothing found; 'quickly' is too long"),
        (Answer(()), clicked(), "nothing found"),
    ],
)
def test_the_message_says_what_was_found_and_what_was_not(answer: Answer, request_: Request, message: str) -> None:
    assert results_module.message(answer, request_) == message


def test_the_message_becomes_an_item_of_the_status_text_area() -> None:
    item = results_module.status_item("2 regions", label_config.read(A))
    assert (item["from_name"], item["type"], item["value"]) == ("status", "textarea", {"text": ["2 regions"]})
    with pytest.raises(Misconfigured):
        results_module.status_item("2 regions", label_config.read(A.replace('name="status"', 'name="note"')))


# As recorded


def found_by(request: Request) -> Answer:
    """A region for each clause, or for each hint where there is no text."""
    by_text = [
        Segment(mask(), 0.9, phrase(clause.text), clause=index) for index, clause in enumerate(request.query.clauses)
    ]
    return Answer(tuple(by_text or [Segment(mask(), 0.8, hint=index) for index in range(len(request.query.hints))]))


@pytest.mark.parametrize(
    "name",
    [
        "batch-2-tasks",
        "box",
        "box-with-per-region-text",
        "context-is-a-string",
        "point",
        "point-data-uri",
        "point-exif-rotated",
        "text",
        "two-points-one-negative",
        "two-textareas",
    ],
)
def test_recorded_requests_get_valid_predictions(name: str) -> None:
    body = recorded(f"predict-{name}")
    config: LabelConfig = label_config.read(body["label_config"])
    request = asked(body["params"]["context"], config, (30, 40))
    items = results(found_by(request), request, config)
    assert items
    assert errors(items, body["label_config"]) == []

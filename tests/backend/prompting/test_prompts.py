"""Prompts as the editor sends them -> the query and its labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.labelstudio import label_config, label_index
from backend.prompting import drafts, prompts
from backend.prompting.prompts import Request
from backend.prompting.sessions import Sessions
from backend.prompting.task_key import TaskKey
from model.errors import BadQuery
from model.types import Box, Clause, Hint
from tests.backend.configs import A, C, D, recorded
from tests.backend.items import SIZE, asked, box, point, read, refused, text

# What is no prompt


@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        "hello",
        [],
        7,
        {"result": None},
        {"result": []},
        {"result": "x"},
        {"event": "capabilities"},
        {"event": "prewarm", "result": [point(50, 50)]},
        {"event": "something new", "result": [text("dog")]},
    ],
)
def test_a_context_without_prompts_asks_for_the_labels(context: object) -> None:
    request = asked(context, label_config.read(A), SIZE)
    assert not request.interactive
    dog = [Clause(name, name=True, label="Dog") for name in ("Dog", "puppy", "hound")]
    assert request.query.clauses == (*dog, Clause("Traffic light", name=True, label="Traffic light"))
    assert request.query.hints == ()


# Text


@pytest.mark.parametrize(
    ("typed", "clauses", "labels"),
    [
        ("the brown dog", [Clause("the brown dog")], [None]),
        ("the dog\n", [Clause("the dog")], [None]),
        ("dog", [Clause("dog", name=True)], ["Dog"]),
        ("Dog: the brown one", [Clause("the brown one")], ["Dog"]),
        ("PUPPY : the brown one", [Clause("the brown one")], ["Dog"]),
        ("Dog:", [Clause("Dog", name=True)], ["Dog"]),
        ("Dog: hound", [Clause("hound", name=True)], ["Dog"]),
        ("zebra: striped", [Clause("zebra: striped")], [None]),
        ("at 12:30 the dog", [Clause("at 12:30 the dog")], [None]),
        (
            "Dog: the brown dog; traffic LIGHT\n a cat ;; ",
            [Clause("the brown dog"), Clause("traffic LIGHT", name=True), Clause("a cat")],
            ["Dog", "Traffic light", None],
        ),
        ("собака", [Clause("собака")], [None]),
        ("Dog：the brown dog；a cat", [Clause("the brown dog"), Clause("a cat")], ["Dog", None]),
        ("the red circle，the ring", [Clause("the red circle,the ring")], [None]),
        ("“dog”", [Clause("dog", name=True)], ["Dog"]),
        ("do\u200bg", [Clause("dog", name=True)], ["Dog"]),
    ],
)
def test_text_is_cut_into_clauses_with_their_labels(
    typed: str, clauses: list[Clause], labels: list[str | None]
) -> None:
    request = read(text(typed))
    assert [replace(clause, label=None) for clause in request.clauses] == clauses
    assert [clause.label for clause in request.clauses] == labels
    assert request.interactive


def test_a_text_of_colons_is_compared_with_labels_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def key(name: str) -> str:
        compared.append(name)
        return name

    read(text("dog"))  # the index of the labels is made once
    monkeypatch.setattr(label_index, "name_key", key)
    read(text("x:" * 5000))
    assert 0 < len(compared) < 50
    assert max(map(len, compared)) < 50


WILD = "class: dog; wild"
NAMES_WITH_MARKS = A.replace('value="Dog"', f'value="{WILD}"').replace('value="Traffic light"', 'value="car/van"')


@pytest.mark.parametrize(
    ("typed", "clauses", "labels"),
    [
        (WILD, [Clause("dog; wild", name=True)], [WILD]),
        (
            "Class: Dog; Wild: the brown one; a cat",
            [Clause("the brown one"), Clause("a cat")],
            ["class: dog; wild", None],
        ),
        ("car/van", [Clause("car", name=True), Clause("van", name=True)], ["car/van", "car/van"]),
    ],
)
def test_a_label_with_marks_in_it_is_typed_as_it_is_called(
    typed: str, clauses: list[Clause], labels: list[str | None]
) -> None:
    request = read(text(typed), xml=NAMES_WITH_MARKS)
    assert [replace(clause, label=None) for clause in request.clauses] == clauses
    assert [clause.label for clause in request.clauses] == labels


def test_an_item_without_a_control_beside_a_click_is_no_prompt() -> None:
    """A relation between regions comes with neither from_name nor value."""
    without_text_areas = C.replace("<TextArea", "<Header").replace("editable=", "ignored=")
    relation = {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"}
    (hint,) = read(point(50, 50), relation, xml=without_text_areas).query.hints
    assert len(hint.points) == 1


def test_the_last_submission_of_a_text_area_is_meant() -> None:
    assert read(text("the cat", "the dog")).query.clauses == (Clause("the dog"),)


def test_a_text_that_is_no_list_is_read() -> None:
    assert read({**text(), "value": {"text": "the dog"}}).query.clauses == (Clause("the dog"),)


@pytest.mark.parametrize("typed", [[], [""], ["  \n"], [" ; \n;"], [7], None, 7])
def test_an_empty_text_asks_for_one(typed: object) -> None:
    assert "type what to look for" in refused({**text(), "value": {"text": typed}})


def test_a_text_of_thousands_of_words_is_refused() -> None:
    assert "3000 words" in refused(text("dog " * 3000))


def test_what_other_controls_say_is_left_out() -> None:
    choices = {"id": "c", "from_name": "mode", "type": "choices", "value": {"choices": ["best"]}}
    request = read(choices, text("shadow", control="status"), text("the dog"), xml=A)
    assert request.query.clauses == (Clause("the dog"),)


def test_an_annotator_who_changed_something_else_is_told_what_to_do() -> None:
    assert refused(text("a caption", control="caption"), xml=A).startswith(
        "nothing to go by: click, draw a box, or type"
    )


def test_a_text_in_a_rectangle_goes_with_it() -> None:
    request = read(box(50, 50, 25, 25), text("blue circle", id="b50-50"), xml=D)
    assert request.query.clauses == (Clause("blue circle"),)
    assert request.query.hints == (Hint(box=Box(160, 120, 240, 180)),)
    assert request.selected == "Dog"


# As recorded


def read_recorded(name: str) -> Request:
    body = recorded(name)
    config = label_config.read(body["label_config"])
    return asked(body["params"].get("context"), config, SIZE)


@pytest.mark.parametrize(
    "name",
    ["batch-2-tasks", "batch-local-files", "context-empty", "context-is-a-string", "context-missing", "context-null"],
)
def test_recorded_pre_annotations(name: str) -> None:
    request = read_recorded(f"predict-{name}")
    assert request.clauses == tuple(Clause(name, name=True, label=name) for name in ("Object", "Other"))
    assert not request.interactive


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("text", "red box"),
        ("text-trailing-newline", "red box"),
        ("text-with-choices", "red box"),
        ("two-textareas", "red box"),
    ],
)
def test_recorded_texts(name: str, typed: str) -> None:
    assert read_recorded(f"predict-{name}").query.clauses == (Clause(typed),)


def test_recorded_points() -> None:
    request = read_recorded("predict-two-points-one-negative")
    (hint,) = request.query.hints
    assert [(round(clicked.x, 6), round(clicked.y, 6), clicked.positive) for clicked in hint.points] == [
        (96, 120, True),
        (224, 100.8, True),
        (230.4, 120, False),
    ]
    assert request.selected == "Object"


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("point", 1),
        ("point-data-uri", 1),
        ("point-exif-rotated", 1),
        ("point-with-draft", 1),
        ("point-with-stored-annotation", 1),
        ("points-with-text-in-draft", 2),
        ("two-points", 2),
    ],
)
def test_recorded_points_alone(name: str, count: int) -> None:
    request = read_recorded(f"predict-{name}")
    assert [len(hint.points) for hint in request.query.hints] == [count]
    assert request.query.clauses == ()


@pytest.mark.parametrize(
    ("name", "clauses", "points"),
    [("points-with-text-in-draft", ("green thing",), 2), ("point-with-draft", ("red box",), 1), ("box", (), 0)],
)
def test_recorded_drafts_fill_the_gap(name: str, clauses: tuple[str, ...], points: int) -> None:
    body = recorded(f"predict-{name}")
    config = label_config.read(body["label_config"])
    said = prompts.read(body["params"]["context"], config, SIZE)
    assert said is not None
    editor = drafts.read(body["tasks"][0], config, SIZE)
    request, _ = Sessions().fuse(TaskKey("s", body["project"], "1"), said, editor, SIZE)
    assert tuple(clause.text for clause in request.query.clauses) == clauses
    [hint] = request.query.hints
    assert len([point for point in hint.points if point.positive]) >= points
    assert request.selected == "Object"


def test_a_recorded_click_with_the_negative_label_alone_is_refused() -> None:
    with pytest.raises(BadQuery, match="only negative points"):
        read_recorded("predict-point-other-label")


def test_recorded_boxes() -> None:
    (hint,) = read_recorded("predict-box").query.hints
    assert hint.box is not None
    assert [round(edge, 3) for edge in (hint.box.x0, hint.box.y0, hint.box.x1, hint.box.y1)] == [
        176,
        36.267,
        288,
        156.267,
    ]


def test_a_recorded_box_with_its_text() -> None:
    request = read_recorded("predict-box-with-per-region-text")
    assert request.query.clauses == (Clause("blue circle"),)
    assert len(request.query.hints) == 1
    assert request.selected == "Object"

"""What drafts and annotations tell of the editor."""

from __future__ import annotations

from typing import Any

from backend.labelstudio import label_config
from backend.prompting import drafts
from backend.prompting.drafts import Editor
from model.types import Box, Point
from tests.backend.configs import A, C, recorded
from tests.backend.items import SIZE, box, point, text


def draft(*items: Any, **more: Any) -> dict[str, Any]:
    return {"user": "anna@example.com", "updated_at": "2026-11-20T10:00:00Z", "result": [*items], **more}


def read(*listed: Any, annotations: Any = (), xml: str = C) -> Editor:
    return drafts.read({"drafts": [*listed], "annotations": [*annotations]}, label_config.read(xml), SIZE)


def test_a_draft_tells_whose_it_is_and_what_stands_in_the_editor() -> None:
    editor = read(draft(text("the dog"), point(50, 50), box(10, 10, 20, 20)))
    assert editor.user == "anna@example.com"
    assert editor.ids == {"t1", "p50-50", "b10-10"}
    assert editor.left.text is not None
    assert editor.left.text.typed == "the dog"
    assert [mark.shape for mark in editor.left.marks] == [Point(160, 120), Box(32, 24, 96, 72)]
    assert editor.left.selected == "Dog"


def test_without_drafts_nothing_is_known_but_what_is_stored() -> None:
    editor = read(annotations=[{"result": [box(10, 10, 20, 20)]}])
    assert editor == Editor(stored=frozenset({"b10-10"}))


def test_what_is_stored_in_an_annotation_is_no_prompt_any_more() -> None:
    stored = [{"result": [box(10, 10, 20, 20), text("the dog")]}]
    assert not read(draft(box(10, 10, 20, 20), text("the dog")), annotations=stored).left.marks
    assert read(draft(text("the dog")), annotations=stored).left.text is None


def test_a_text_before_a_mask_was_answered_by_it() -> None:
    mask = {"id": "m", "from_name": "mask", "type": "brushlabels", "value": {}}
    assert read(draft(text("the dog"), mask)).left.text is None
    assert read(draft(mask, text("the dog"))).left.text is not None


def test_the_newest_draft_counts() -> None:
    old, new = draft(text("old")), draft(text("new"), updated_at="2026-11-20T10:00:05Z")
    left = read(new, old).left
    assert left.text is not None
    assert left.text.typed == "new"


def test_a_point_without_a_sign_was_placed_for_its_own_sake() -> None:
    plain = {key: value for key, value in point(50, 50).items() if key != "is_positive"}
    newer = {**plain, "id": "n", "value": {**plain["value"], "positive": False}}
    assert [mark.id for mark in read(draft(plain, newer)).left.marks] == ["n"]


def test_the_label_of_a_draft_s_point_comes_by_the_same_id() -> None:
    pin = {"id": "p", "from_name": "point", "value": {"x": 5, "y": 5}, "is_positive": True}
    label = {"id": "p", "from_name": "label", "type": "labels", "value": {"labels": ["hound"]}}
    assert read(draft(pin, label), xml=A).left.selected == "Dog"


def test_what_cannot_be_read_is_left_out() -> None:
    left = read(
        draft(point("a", 5), box(1, 1, 0, 0), {**point(1, 1), "image_rotation": 90}, point(2, 2), text(""))
    ).left
    assert [mark.id for mark in left.marks] == ["p2-2"]
    assert left.text is None
    assert drafts.read("no task", label_config.read(C), SIZE) == Editor()
    assert drafts.read({"drafts": "x", "annotations": 5}, label_config.read(C), SIZE) == Editor()


def test_the_recorded_drafts_are_read() -> None:
    for name, typed, marks in (("points-with-text-in-draft", "green thing", 1), ("point-with-draft", "red box", 0)):
        body = recorded(f"predict-{name}")
        editor = drafts.read(body["tasks"][0], label_config.read(body["label_config"]), SIZE)
        assert editor.user == "admin@example.com"
        assert editor.left.text is not None
        assert (editor.left.text.typed, len(editor.left.marks)) == (typed, marks)

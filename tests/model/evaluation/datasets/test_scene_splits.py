from itertools import pairwise

import numpy as np
import pytest

from model.embedded.scene_language import matches
from model.embedded.scenes import HELD_OUT, TUNING, Kind
from model.errors import Misconfigured
from model.evaluation.datasets.scene_splits import HARD, SPLITS, confusable, distinct, drawn, open_scenes
from model.evaluation.datasets.scene_texts import paraphrases


def kind(text: str, size: str = "", texture: str = "plain") -> Kind:
    colour, shape = text.split()
    return Kind(shape, colour, texture, size)


def test_the_same_scene_comes_back_and_splits_share_none() -> None:
    one, again = (open_scenes("hard", 3).load("0002") for _ in range(2))
    assert np.array_equal(one.image, again.image)
    assert [item.text for item in one.items] == [item.text for item in again.items]
    assert HELD_OUT + HARD <= drawn(SPLITS["hard"], HELD_OUT + HARD, 2).seed < HELD_OUT + HARD + 300
    offsets = sorted(split.offset for split in SPLITS.values())
    assert all(after - before >= 100_000 for before, after in pairwise(offsets))
    assert drawn(SPLITS["hard"], TUNING + HARD, 2).seed >= TUNING


def test_hard_objects_share_attributes_and_each_phrase_sets_its_objects_apart() -> None:
    dataset = open_scenes("hard", 6)
    for number, key in enumerate(dataset.keys):
        things = drawn(SPLITS["hard"], HELD_OUT + HARD, number).objects
        assert 3 <= len(things) <= 5
        items = [item for item in dataset.load(key).items if item.form != "absent"]
        for item in items:
            meant = {thing.kind for thing in things if matches(thing.kind, item.text.split()[1:])}
            assert len(meant) == 1
            noun = item.text.split()[-1]
            assert len(item.text.split()) > 2, noun
        assert len({item.text for item in items}) == len(items)


def test_an_absent_phrase_has_no_truth() -> None:
    (absent,) = (item for item in open_scenes("hard", 1).load("0000").items if item.form == "absent")
    assert not absent.targets[0].mask.any()
    assert absent.objects == ()


def test_easy_scenes_have_nothing_in_common() -> None:
    assert distinct([kind("red circle"), kind("blue square")])
    assert not distinct([kind("red circle"), kind("blue circle")])
    for number in range(4):
        assert len(drawn(SPLITS["easy"], HELD_OUT + SPLITS["easy"].offset, number).objects) <= 2


def test_a_hard_scene_needs_three_kinds_that_can_be_named() -> None:
    circles = [kind("red circle"), kind("blue circle"), kind("red square")]
    assert confusable(circles)
    assert not confusable(circles[:2])
    assert not confusable([*circles, kind("green star")])
    assert not confusable([*circles, kind("red circle", texture="striped")])


def test_captions_name_every_object_at_its_place() -> None:
    (item,) = open_scenes("hard", 1, "captions").load("0000").items
    phrases = [item.text[slice(*target.span)] for target in item.targets if target.span]
    assert len(phrases) == len(item.targets) >= 3
    assert all(phrase.startswith("the ") for phrase in phrases)
    assert " and ".join([", ".join(phrases[:-1]), phrases[-1]]) == item.text


def test_syntax_has_every_form_and_attached_things_are_not_meant() -> None:
    forms: dict[str, int] = {}
    dataset = open_scenes("syntax", 6)
    for key in dataset.keys:
        for item in dataset.load(key).items:
            forms[item.form] = forms.get(item.form, 0) + 1
            if item.form in ("attachment", "with"):
                other = item.text.split(" the ")[1].split()
                things = drawn(SPLITS["syntax"], HELD_OUT + SPLITS["syntax"].offset, int(key)).objects
                other_mask = np.any([thing.mask for thing in things if matches(thing.kind, other)], axis=0)
                assert not (item.targets[0].mask & other_mask).any()
            if item.form == "relation":
                assert item.targets[0].mask.any()
    assert set(forms) == {"attributes", "attachment", "with", "and", "list", "relation"}


def test_clicks_are_on_visible_objects() -> None:
    example = open_scenes("hard", 1, "clicks").load("0000")
    assert example.items == ()
    assert all(mask.any() for mask in example.objects)


def test_a_phrase_in_other_words() -> None:
    assert paraphrases(("small", "red", "circle")) == (
        "small red circle",
        "a circle that is small and red",
        "one small red circle",
        "small red circles",
        "a photo of a small red circle",
    )
    assert paraphrases(("orange", "cross"))[-2:] == ("orange crosses", "a photo of an orange cross")


def test_an_unknown_split_is_told() -> None:
    with pytest.raises(Misconfigured, match="easy, hard, syntax"):
        open_scenes("harder", 1)


def test_labels_give_each_object_its_name_as_a_class() -> None:
    classes = open_scenes("hard", 1, "labels").load("0000").classes
    assert classes is not None
    assert len(classes.present) == len(classes.names) - 1 >= 3
    assert classes.names[0] == "background"

import numpy as np

from model.config import EngineConfig
from model.learning.lesson_content import NOTHING, changed, content_of, in_words, named, text_of
from model.types import Lesson

CONFIG = EngineConfig()


def test_a_key_follows_from_the_content_alone() -> None:
    one = Lesson("", ("a", "b"), {"finish": {"margin": 0.1, "fill_holes": True}, "refine": {}})
    other = Lesson("x", ("a", "b"), {"finish": {"fill_holes": True, "margin": 0.1}})
    assert named(one).key == named(other).key != named(Lesson("", ("b", "a"))).key
    assert named(Lesson("x")) == NOTHING


def test_other_embeddings_are_another_lesson() -> None:
    rows = np.zeros((1, 4), np.float32)
    assert named(Lesson("", embeddings={"a": rows})).key != named(Lesson("", embeddings={"a": rows + 1})).key


def test_a_constant_that_goes_back_to_what_holds_anyway_is_not_said() -> None:
    lesson = changed(NOTHING, "finish", "margin", 0.1, CONFIG)
    assert lesson.changes == {"finish": {"margin": 0.1}}
    assert content_of(changed(lesson, "finish", "margin", 0.0, CONFIG)) == content_of(NOTHING)


def test_settings_behind_attention_leave_the_text_as_it_is() -> None:
    lesson = changed(NOTHING, "finish", "margin", 0.1, CONFIG)
    assert text_of(lesson) == text_of(NOTHING)
    assert text_of(changed(lesson, "attention", "enhancement", 1.1, CONFIG)) != text_of(NOTHING)


def test_changes_are_told_in_words() -> None:
    lesson = Lesson(
        "",
        ("red car",),
        {
            "finish": {"fill_holes": True, "margin": 0.05},
            "selection": {"granularity": 2},
            "prompting": {"threshold": 0.7},
        },
        {"glorp": np.zeros((1, 4), np.float32)},
        separate=False,
    )
    assert in_words(NOTHING, lesson, CONFIG) == (
        "asked as 'red car'",
        "one region for all objects together",
        "embeddings of 'glorp'",
        "holes are filled",
        "borders are moved outwards (+0.05 of the object's side, was +0)",
        "always the largest of three masks",
        "threshold of the map 0.7 (was 0.5)",
    )
    assert in_words(lesson, lesson, CONFIG) == ()


def test_a_constant_that_is_no_longer_changed_is_told_too() -> None:
    assert in_words(Lesson("", changes={"finish": {"fill_holes": True}}), NOTHING, CONFIG) == ("holes stay",)

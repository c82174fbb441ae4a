from model.coco_rle import CocoRle
from model.engine import Engine
from model.learning.dataset.learning_examples import Curriculum, LearningExample, Opinion
from model.learning.lesson_query import clauses_of, phrase_choices, readable
from model.types import Clause, Image, Lesson


def nowhere() -> Image:
    raise AssertionError("phrases need no pixels")


def accepted(*phrases: str) -> Curriculum:
    """A project whose label is "vehicle", with one mask from each phrase."""
    opinions = [Opinion("anna", "vehicle", CocoRle((2, 2), b""), phrase) for phrase in phrases]
    examples = [LearningExample(str(number), nowhere, (each,), {"anna": 1.0}) for number, each in enumerate(opinions)]
    return Curriculum(tuple(examples), {"vehicle": ("vehicle", "car")}, {}, "fast")


def test_each_name_is_asked_for_unless_a_lesson_has_phrases() -> None:
    lesson = Lesson("k", ("red car",))
    labels = {"dog": ("dog", "puppy"), "car": ("car",)}
    assert clauses_of(labels, {"car": lesson}) == (
        ("dog", Clause("dog", True)),
        ("dog", Clause("puppy", True)),
        ("car", Clause("red car", True, lesson)),
    )


def test_phrases_of_accepted_masks_are_tried_with_and_without_the_names(engine: Engine) -> None:
    project = accepted("the red circle", "red circle", "a blue square", "vehicle", "")
    assert phrase_choices(project, "vehicle", engine.models.parser) == (
        ("red circle",),
        ("red circle", "blue square"),
        ("vehicle", "car", "red circle", "blue square"),
    )


def test_masks_that_no_other_phrase_gave_offer_no_choice(engine: Engine) -> None:
    assert phrase_choices(accepted("vehicle", "Car", ""), "vehicle", engine.models.parser) == ()


def test_a_phrase_that_was_typed_once_among_many_is_not_learned(engine: Engine) -> None:
    project = accepted(*["red circle"] * 9, "blue square")
    assert phrase_choices(project, "vehicle", engine.models.parser)[0] == ("red circle",)
    assert len(phrase_choices(project, "vehicle", engine.models.parser)) == 2


def test_what_speaks_of_one_picture_alone_is_not_learned(engine: Engine) -> None:
    parser = engine.models.parser
    assert readable("the small red circle", parser) == "small red circle"
    assert readable("the circle on the left", parser) is None
    assert readable("a red circle and a blue square", parser) is None

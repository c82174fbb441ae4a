from dataclasses import replace

from backend.inference.apply_lessons import named_by, taught
from backend.labelstudio import label_config
from backend.prompting import prompts
from backend.prompting.marks import Pointed
from backend.prompting.prompts import Request
from model.types import Clause, Hint, Lesson, Point

CONFIG = label_config.read(
    '<View><Image name="img" value="$image"/><BrushLabels name="mask" toName="img">'
    '<Label value="Light"/><Label value="Traffic light" alias="tl"/><Label value="background"/>'
    "</BrushLabels></View>"
)
LIGHT, TRAFFIC = Lesson("light"), Lesson("traffic")
LESSONS = {"Light": LIGHT, "tl": TRAFFIC}


def typed(*clauses: Clause) -> Request:
    return Request(clauses)


def labels_of(request: Request) -> list[str | None]:
    return [clause.label for clause in request.clauses]


def lessons_of(request: Request) -> list[Lesson | None]:
    return [clause.lesson for clause in request.clauses]


def test_nothing_learned_changes_nothing() -> None:
    request = prompts.pre_annotation(CONFIG)
    assert taught(request, {}, CONFIG) is request


def test_a_pre_annotation_brings_along_each_label_s_lesson() -> None:
    request = taught(prompts.pre_annotation(CONFIG), {"tl": TRAFFIC}, CONFIG)
    assert labels_of(request) == ["Light", "tl", "tl"]
    assert lessons_of(request) == [None, TRAFFIC, TRAFFIC]


def test_a_pre_annotation_looks_for_learned_phrases_in_place_of_names() -> None:
    lesson = Lesson("k", phrases=("red lamp", "light"))
    request = taught(prompts.pre_annotation(CONFIG), {"tl": lesson}, CONFIG)
    asked = [(clause.text, clause.name) for clause in request.clauses]
    assert asked == [("Light", True), ("red lamp", True), ("light", True)]
    assert labels_of(request) == ["Light", "tl", "tl"]
    assert lessons_of(request) == [None, lesson, lesson]
    assert not request.interactive


def test_what_is_typed_for_a_label_brings_its_lesson_and_keeps_its_words() -> None:
    lesson = Lesson("k", phrases=("the red lamp",))
    request = taught(typed(Clause("the small one", label="tl")), {"tl": lesson}, CONFIG)
    assert request.clauses == (Clause("the small one", lesson=lesson, label="tl"),)
    assert lessons_of(request) == [lesson]


def test_a_text_that_names_a_label_brings_its_lesson() -> None:
    request = taught(typed(Clause("the light on the left")), LESSONS, CONFIG)
    assert lessons_of(request) == [LIGHT]


def test_a_text_names_labels_in_whole_words_the_longest_first() -> None:
    assert named_by("a Traffic Light at night", LESSONS, CONFIG) == "tl"
    assert named_by("tl", LESSONS, CONFIG) == "tl"
    assert named_by("daylight, lights", LESSONS, CONFIG) is None
    assert named_by("a traffic light", {"Light": LIGHT}, CONFIG) == "Light"


def test_a_label_with_signs_in_its_name_is_found() -> None:
    config = replace(CONFIG, labels=(label_config.Label("C++ (old)", ("C++ (old)",)),))
    assert named_by("a c++ (old) book", {"C++ (old)": LIGHT}, config) == "C++ (old)"


def test_clicks_without_text_are_answered_as_ever() -> None:
    request = Request(pointed=(Pointed(Hint((Point(1, 1),))),), selected="Light")
    assert taught(request, LESSONS, CONFIG) == request


def test_a_typed_name_is_asked_as_the_lesson_asks_for_it() -> None:
    lesson = Lesson("k", phrases=("red lamp",))
    request = taught(
        typed(Clause("the Traffic light on the left"), Clause("tl", name=True, label="tl")),
        {"tl": lesson},
        CONFIG,
    )
    assert [clause.text for clause in request.clauses] == ["the red lamp on the left", "red lamp"]
    assert [clause.name for clause in request.clauses] == [False, True]
    assert labels_of(request) == ["tl", "tl"]


def test_a_phrase_with_the_name_in_it_does_not_narrow_what_is_typed() -> None:
    lesson = Lesson("k", phrases=("red light",))
    request = taught(typed(Clause("the light on the left")), {"Light": lesson}, CONFIG)
    assert request.clauses == (Clause("the light on the left", lesson=lesson, label="Light"),)

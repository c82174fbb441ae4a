import numpy as np
import pytest

from model.embedded.scenes import COLOURS, SHAPES
from model.engine import Engine
from model.errors import BadQuery
from model.text.class_prompt import class_names, class_wording, joint_wordings
from model.text.prompt_text import Wording
from model.types import Clause, Query

TEMPLATE = "a photograph of {} and other objects and background"


def wording(engine: Engine, *names: str) -> Wording:
    return class_wording(names, engine.models.parser, engine.models.backbone, TEMPLATE)


def read(wording: Wording, tokens: tuple[int, ...]) -> str:
    """The characters that some tokens cover."""
    spans = [wording.tokens.spans[token] for token in tokens]
    return "".join(wording.tokens.text[span[0] : span[1]] for span in spans if span)


def test_all_classes_are_one_text_and_each_is_read_at_its_own_place(engine: Engine) -> None:
    asked = wording(engine, "circle", "big red circle", "Heart")
    assert asked.tokens.text == "a photograph of circle and big red circle and Heart and other objects and background"
    assert [read(asked, each.noun) for each in asked.sought] == ["circle", "circle", "Heart"]
    assert [read(asked, modifier) for modifier in asked.sought[1].modifiers] == ["big", "red"]
    assert [each.clause for each in asked.sought] == [0, 1, 2]
    assert not set(asked.sought[0].noun) & set(asked.sought[1].noun)


def test_a_noun_of_many_pieces_is_read_whole(engine: Engine) -> None:
    asked = wording(engine, "qwxzkjvqhgz", "star")
    assert read(asked, asked.sought[0].noun) == "qwxzkjvqhgz"
    assert len(asked.sought[0].noun) >= 5
    assert read(asked, asked.sought[1].noun) == "star"


def test_names_are_tidied_and_background_is_no_class() -> None:
    assert class_names([" red   circle", "Background", "star "]) == ("red circle", "star")
    assert class_names(("dog",)) == ("dog",)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "no class: name at least one"),
        (("background",), "no class: name at least one"),
        (("dog", "  "), "class 2 of the list is empty"),
        (("dog", "cat", "Dog "), "the class 'Dog' is in the list twice"),
        (("background", "Background"), "'Background' is in the list twice"),
    ],
)
def test_lists_that_cannot_be_answered_are_refused(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        class_names(names)


def test_a_list_that_is_too_long_is_refused_with_how_many_fit(engine: Engine) -> None:
    names = [f"{colour} {shape}" for colour in ("red", "green", "blue", "black") for shape in ("circle", "star") * 5]
    with pytest.raises(BadQuery, match=r"at most the first \d+ of the 40 classes fit") as refused:
        wording(engine, *names)
    most = int(str(refused.value).split("first ")[1].split(" ")[0])
    assert len(wording(engine, *names[:most]).sought) == most
    with pytest.raises(BadQuery, match=f"first {most} of the {most + 1}"):
        wording(engine, *names[: most + 1])


def test_one_name_that_is_too_long_is_named(engine: Engine) -> None:
    with pytest.raises(BadQuery, match=r"'red red .* does not fit"):
        wording(engine, "red " * 80 + "circle", "star")


def test_a_long_list_is_parted_into_as_few_texts_as_are_read_whole(engine: Engine) -> None:
    names = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
    models = engine.models
    clauses = [Clause(name, name=True) for name in names]
    wordings, left_out = joint_wordings(clauses, models.parser, models.backbone, engine.config.template)
    assert left_out == ()
    assert [each.clause for wording in wordings for each in wording.sought] == list(range(len(names)))
    assert [each.phrase.text for wording in wordings for each in wording.sought] == names
    sizes = [len(wording.sought) for wording in wordings]
    assert max(sizes[:-1]) - min(sizes[:-1]) <= 2
    assert sizes[0] > 10


def test_a_name_that_is_too_long_costs_itself_alone(engine: Engine) -> None:
    models, long = engine.models, "red " * 80 + "circle"
    clauses = [Clause(name, name=True) for name in ("star", long, "ring")]
    (wording,), left_out = joint_wordings(clauses, models.parser, models.backbone, engine.config.template)
    assert [(each.phrase.text, each.clause) for each in wording.sought] == [("star", 0), ("ring", 2)]
    assert "is too long" in left_out[0]


def test_labels_share_a_text_where_classes_are_parted_from_each_other(engine: Engine) -> None:
    query = Query((Clause("Red circle", name=True), Clause("Star", name=True)))
    image = np.zeros((64, 64, 3), np.uint8)
    assert len(engine.words(image, query)) == 2
    assert len(engine.under("balanced").words(image, query)) == 1

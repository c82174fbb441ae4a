import pytest

from model.engine import Engine
from model.errors import BadQuery
from model.values import Clause
from model.wording import Wording, word

TEMPLATE = "a photograph of {} and other objects and background"


def pieces(wording: Wording, tokens: tuple[int, ...]) -> str:
    """The characters that some tokens cover."""
    spans = [wording.tokens.spans[token] for token in tokens]
    return "".join(wording.tokens.text[span[0] : span[1]] for span in spans if span)


def test_the_tokens_of_a_phrase_are_those_of_its_own_words(engine: Engine) -> None:
    clauses = [Clause("a big red circle"), Clause("Zebra", name=True)]
    first, second = word(clauses, engine.parser, engine.backbone, TEMPLATE)
    assert first.tokens.text == "a photograph of a big red circle and other objects and background"
    (circle,), (zebra,) = first.sought, second.sought
    assert pieces(first, circle.noun) == "circle"
    assert [pieces(first, modifier) for modifier in circle.modifiers] == ["big", "red"]
    assert pieces(second, zebra.noun) == "Zebra"
    assert (circle.clause, zebra.clause) == (0, 1)


def test_what_a_phrase_stands_on_is_not_asked_for(engine: Engine) -> None:
    (wording,) = word([Clause("a red circle on the grass")], engine.parser, engine.backbone, TEMPLATE)
    assert [each.phrase.noun.text for each in wording.sought] == ["circle"]


def test_several_phrases_of_one_text_are_all_asked_for(engine: Engine) -> None:
    (wording,) = word([Clause("a red circle and a blue star")], engine.parser, engine.backbone, TEMPLATE)
    assert [each.phrase.noun.text for each in wording.sought] == ["circle", "star"]


def test_no_clause_gives_no_wording(engine: Engine) -> None:
    assert word([], engine.parser, engine.backbone, TEMPLATE) == ()


def test_a_clause_that_is_too_long_on_its_own_is_refused(engine: Engine) -> None:
    with pytest.raises(BadQuery, match="too long"):
        word([Clause("red " * 200 + "circle", name=True)], engine.parser, engine.backbone, TEMPLATE)

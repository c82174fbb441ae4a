import pytest

from model.engine import Engine
from model.errors import BadQuery
from model.text.prompt_text import Wording, word
from model.types import Clause

TEMPLATE = "a photograph of {} and other objects and background"


def pieces(wording: Wording, tokens: tuple[int, ...]) -> str:
    """The characters that some tokens cover."""
    spans = [wording.tokens.spans[token] for token in tokens]
    return "".join(wording.tokens.text[span[0] : span[1]] for span in spans if span)


def test_the_tokens_of_a_phrase_are_those_of_its_own_words(engine: Engine) -> None:
    clauses = [Clause("a big red circle"), Clause("Zebra", name=True)]
    first, second = word(clauses, engine.models.parser, engine.models.backbone, TEMPLATE)
    assert first.tokens.text == "a photograph of a big red circle and other objects and background"
    (circle,), (zebra,) = first.sought, second.sought
    assert pieces(first, circle.noun) == "circle"
    assert [pieces(first, modifier) for modifier in circle.modifiers] == ["big", "red"]
    assert pieces(second, zebra.noun) == "Zebra"
    assert (circle.clause, zebra.clause) == (0, 1)


def test_what_a_phrase_stands_on_is_not_asked_for(engine: Engine) -> None:
    (wording,) = word([Clause("a red circle on the grass")], engine.models.parser, engine.models.backbone, TEMPLATE)
    assert [each.phrase.noun.text for each in wording.sought] == ["circle"]
    assert [each.phrase.noun.text for each in wording.context] == ["grass"]
    assert wording.sought[0].attached == ()


def test_several_phrases_of_one_text_are_all_asked_for(engine: Engine) -> None:
    (wording,) = word([Clause("a red circle and a blue star")], engine.models.parser, engine.models.backbone, TEMPLATE)
    assert [each.phrase.noun.text for each in wording.sought] == ["circle", "star"]


def test_no_clause_gives_no_wording(engine: Engine) -> None:
    assert word([], engine.models.parser, engine.models.backbone, TEMPLATE) == ()


def test_a_clause_that_is_too_long_on_its_own_is_refused(engine: Engine) -> None:
    with pytest.raises(BadQuery, match="too long"):
        word([Clause("red " * 200 + "circle", name=True)], engine.models.parser, engine.models.backbone, TEMPLATE)


def test_what_only_describes_a_phrase_joins_it(engine: Engine) -> None:
    text = "a boy in a blue sweatshirt eating a donut next to a dog with a collar"
    (wording,) = word([Clause(text)], engine.models.parser, engine.models.backbone, TEMPLATE)
    boy, donut = wording.sought
    assert [pieces(wording, each) for each in boy.attached] == ["sweatshirt", "blue"]
    assert (donut.attached, donut.owners) == ((), ())
    (dog,) = wording.context
    assert [pieces(wording, each) for each in (*dog.words, *dog.attached)] == ["dog", "collar"]


def test_what_is_asked_for_and_describes_another_phrase_says_so(engine: Engine) -> None:
    text = "a man wearing a blue shirt with stripes"
    (wording,) = word([Clause(text)], engine.models.parser, engine.models.backbone, TEMPLATE)
    man, shirt = wording.sought
    assert (man.owners, shirt.owners) == ((), (0,))
    assert man.attached == ()
    assert [pieces(wording, each) for each in shirt.attached] == ["stripes"]


@pytest.mark.parametrize(
    ("text", "verb"), [("running", "running"), ("quickly running", "running"), ("Pulling", "Pulling")]
)
def test_a_verb_alone_is_asked_for(engine: Engine, text: str, verb: str) -> None:
    (wording,) = word([Clause(text)], engine.models.parser, engine.models.backbone, TEMPLATE)
    assert [pieces(wording, each.noun) for each in wording.sought] == [verb]
    assert wording.sought[0].phrase.verb


@pytest.mark.parametrize("text", ["show me", "and the", "it", "very quickly"])
def test_a_text_without_a_noun_or_a_verb_is_refused(engine: Engine, text: str) -> None:
    with pytest.raises(BadQuery, match="no thing to look for"):
        word([Clause(text)], engine.models.parser, engine.models.backbone, TEMPLATE)


def test_all_pieces_of_a_long_word_stand_for_it(engine: Engine) -> None:
    clause = Clause("a red floccinaucinihilipilification")
    (wording,) = word([clause], engine.models.parser, engine.models.backbone, TEMPLATE)
    assert len(wording.sought[0].noun) >= 5
    assert pieces(wording, wording.sought[0].noun) == "floccinaucinihilipilification"


@pytest.mark.parametrize("name", ["狗", "🐶", "собака"])
def test_a_word_of_unknown_letters_is_read_by_its_bytes(engine: Engine, name: str) -> None:
    (wording,) = word([Clause(name, name=True)], engine.models.parser, engine.models.backbone, TEMPLATE)
    spans = [wording.tokens.spans[token] for token in wording.sought[0].noun]
    assert len(spans) >= 3
    assert {wording.tokens.text[start:end] for start, end in filter(None, spans)} <= set(name)


def test_a_text_longer_than_the_encoder_reads_is_refused(engine: Engine) -> None:
    text = "a man holding a small umbrella " * 20
    with pytest.raises(BadQuery, match=r"too long: .* shorten it or part it with ';'"):
        word([Clause(text)], engine.models.parser, engine.models.backbone, TEMPLATE)

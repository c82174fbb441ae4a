"""The parser on small pipelines, and on the shipped one where it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from model.adapters.spacy.parser import SpacyParser, load_parser
from model.errors import BadQuery, Misconfigured
from model.types import Phrase

WEIGHTS = Path(__file__).parents[4] / "model" / "embedded" / "weights" / "parser"
CAPTIONS = Path(__file__).with_name("captions.txt")


def word_classes_only() -> SpacyParser:
    """A pipeline that knows a few word classes and has no parser."""
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe("attribute_ruler")
    classes = {"quickly": "ADV", "running": "VERB", "and": "CCONJ", "the": "DET", "it": "PRON", "12": "NUM"}
    ruler.add_patterns([{"patterns": [[{"ORTH": word}]], "attrs": {"POS": pos}} for word, pos in classes.items()])
    return SpacyParser(nlp)


def shown(phrase: Phrase) -> str:
    words = [word.text.lower() for word in (*phrase.modifiers, phrase.noun)]
    place = [f"@{phrase.place}"] if phrase.place else []
    return " ".join([*words, *place, *([f"<{phrase.parent}"] if phrase.parent is not None else [])])


@pytest.mark.parametrize("text", ["quickly", "and the", "it", "12", "the left", "", "  \n", "?!", "🐶"])
def test_text_that_names_nothing_gives_no_phrase(text: str) -> None:
    assert word_classes_only().phrases(text) == ()


@pytest.mark.parametrize(("text", "noun"), [("glorp", "glorp"), ("Dog", "Dog"), ("the red zorp", "zorp")])
def test_short_text_without_a_noun_is_read_as_a_name(text: str, noun: str) -> None:
    (phrase,) = word_classes_only().phrases(text)
    assert phrase.noun.text == noun
    assert phrase.noun.lemma == noun.lower()


def test_long_text_without_a_noun_is_no_name() -> None:
    assert word_classes_only().phrases("one big glorp zorp frobs mib") == ()


@pytest.mark.parametrize(
    ("label", "text", "noun", "modifiers"),
    [
        ("Dog", "Dog", "Dog", []),
        ("Traffic light", "Traffic light", "light", ["Traffic"]),
        ("traffic_light", "traffic light", "light", ["traffic"]),
        ("red-circle", "red-circle", "circle", ["red"]),
        ("  Car 2 ", "Car", "Car", []),
        ("Bag of chips", "Bag", "Bag", []),
        ("Person (adult)", "Person (adult", "adult", ["Person"]),
        ("собака", "собака", "собака", []),
        ("狗", "狗", "狗", []),
        ("7", "7", "7", []),
        ("🐶", "🐶", "🐶", []),
    ],
)
def test_label_is_one_noun_phrase(label: str, text: str, noun: str, modifiers: list[str]) -> None:
    phrase = word_classes_only().name_phrase(label)
    assert (phrase.text, phrase.noun.text, [word.text for word in phrase.modifiers]) == (text, noun, modifiers)
    assert label[phrase.noun.start : phrase.noun.end] == noun
    assert (phrase.parent, phrase.place) == (None, None)


def test_label_without_a_character_is_refused() -> None:
    with pytest.raises(BadQuery, match="at least one word"):
        word_classes_only().name_phrase(" \n")


def test_missing_pipeline_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"en_core_nowhere.*spacy download"):
        load_parser("en_core_nowhere")
    with pytest.raises(Misconfigured, match=r"meta\.json"):
        load_parser(tmp_path)


def test_pipeline_that_cannot_parse_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(Misconfigured, match="no parser and no tagger"):
        load_parser(tmp_path)


@pytest.fixture(scope="module")
def shipped() -> SpacyParser:
    if not (WEIGHTS / "meta.json").exists():
        pytest.skip("the parser's weights are not here: run model.training.train_parser")
    return load_parser(WEIGHTS)


def test_captions_written_by_hand(shipped: SpacyParser) -> None:
    """At least nine of ten everyday captions give exactly the phrases that a person reads in them."""
    wrong = []
    lines = [line for line in CAPTIONS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    for line in lines:
        text, _, readings = line.partition("=>")
        found = "; ".join(map(shown, shipped.phrases(text.strip())))
        if found not in [reading.strip() for reading in readings.split("|")]:
            wrong.append(f"{text.strip()} -> {found}")
    assert len(wrong) <= len(lines) / 10, "\n".join(wrong)


@pytest.mark.parametrize("text", ["Dog", "DOG", "Traffic light", "Red circle", "glorp"])
def test_labels_have_a_phrase(shipped: SpacyParser, text: str) -> None:
    (phrase,) = shipped.phrases(text)
    assert phrase.text == text
    assert phrase.noun.end == len(text)


@pytest.mark.parametrize("text", ["very quickly", "and the", "", "...", "12", "it", "show me"])
def test_shipped_parser_finds_no_noun_where_none_is(shipped: SpacyParser, text: str) -> None:
    assert shipped.phrases(text) == ()


@pytest.mark.parametrize("text", ["running", "quickly running", "it is running"])
def test_a_verb_stands_where_no_noun_is(shipped: SpacyParser, text: str) -> None:
    (phrase,) = shipped.phrases(text)
    assert (phrase.noun.text, phrase.noun.lemma, phrase.verb) == ("running", "run", True)
    assert text[phrase.noun.start : phrase.noun.end] == "running"


def test_a_noun_is_asked_for_before_a_verb(shipped: SpacyParser) -> None:
    assert [(phrase.text, phrase.verb) for phrase in shipped.phrases("pulling a cart")] == [("cart", False)]


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("the man holding an umbrella", ["holding"]),
        ("a tractor pulling a trailer", ["pulling"]),
        ("The man is riding a horse.", ["riding"]),
        ("show me the red dog", []),
        ("the dog", []),
    ],
)
def test_verbs_say_what_happens(shipped: SpacyParser, text: str, verbs: list[str]) -> None:
    assert [phrase.text for phrase in shipped.verbs(text)] == verbs


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("a boy in a blue sweatshirt eating a donut", {"sweatshirt": "boy"}),
        ("the child wearing a yellow raincoat and blue boots", {"raincoat": "child", "boots": "child"}),
        ("a boy in a black coat and white trousers", {"coat": "boy", "trousers": "boy"}),
        ("a stop sign covered in snow", {"snow": "sign"}),
        ("the red circle next to the striped blue square", {}),
        ("a big ring and a white star on sand", {}),
        ("a car in the grass", {}),
        ("a clock hanging on the wall", {}),
    ],
)
def test_what_describes_a_thing_and_what_stands_by_it(shipped: SpacyParser, text: str, traits: dict[str, str]) -> None:
    phrases = shipped.phrases(text)
    found = {each.noun.text: phrases[each.trait_of].noun.text for each in phrases if each.trait_of is not None}
    assert found == traits


def test_plural_has_the_lemma_of_the_singular(shipped: SpacyParser) -> None:
    assert shipped.phrases("two women with dogs")[1].noun.lemma == "dog"
    assert shipped.name_phrase("Cars").noun.lemma == "car"


def test_a_label_is_read_once(shipped: SpacyParser) -> None:
    assert shipped.name_phrase("Fire engine") is shipped.name_phrase("Fire engine")
    assert shipped.name_phrase("fire engine") is not shipped.name_phrase("Fire engine")


def test_long_text_is_cut(shipped: SpacyParser) -> None:
    phrases = shipped.phrases("a red dog and " * 1000)
    assert 0 < len(phrases) <= 150


def test_offsets_survive_blanks_and_growing_letters(shipped: SpacyParser) -> None:
    text = "  a  big\n\tİstanbul\u00a0ferry   next to   a red   car "
    for phrase in shipped.phrases(text):
        for word in (phrase.noun, *phrase.modifiers):
            assert text[word.start : word.end] == word.text
            assert not word.text.isspace()


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=80))
def test_no_text_is_an_error(shipped: SpacyParser, text: str) -> None:
    for number, phrase in enumerate(shipped.phrases(text)):
        assert text[phrase.noun.start : phrase.noun.end] == phrase.noun.text
        assert phrase.parent != number
        assert phrase.trait_of != number


@pytest.mark.parametrize("text", ["一只棕色的狗和一只猫", "коричневая собака", "كلب بني على اليسار", "🐶 and 🐱 on 🌊"])
def test_other_scripts_are_no_error(shipped: SpacyParser, text: str) -> None:
    for phrase in shipped.phrases(text):
        assert phrase.noun.text in text

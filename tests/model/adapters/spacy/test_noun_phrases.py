"""Trees written by hand in both label schemes: what is a phrase, what modifies it, what it hangs off."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc

from model.adapters.spacy.noun_phrases import phrases_of
from model.types import Phrase

NLP = spacy.blank("en")


def parsed(rows: str) -> tuple[Phrase, ...]:
    """Phrases of a tree written as word:class:relation:head, the head as an index."""
    fields = [row.rsplit(":", 3) if row.count(":") == 3 else _subtyped(row) for row in rows.split()]
    doc = Doc(NLP.vocab, words=[row[0] for row in fields], pos=[row[1] for row in fields],
              deps=[row[2].replace("/", ":") for row in fields], heads=[int(row[3]) for row in fields])  # fmt: skip
    return phrases_of(doc, [(token.idx, token.idx + len(token)) for token in doc], doc.text)


def _subtyped(row: str) -> list[str]:
    raise ValueError(f"write subtypes with a slash: {row}")


def shown(phrases: tuple[Phrase, ...]) -> list[str]:
    """Phrases as "modifiers noun @place <parent"."""
    return [
        " ".join([*(word.text for word in phrase.modifiers), phrase.noun.text])
        + (f" @{phrase.place}" if phrase.place else "")
        + (f" <{phrase.parent}" if phrase.parent is not None else "")
        for phrase in phrases
    ]


BOTH_SCHEMES = {
    "verb object and prepositional phrase": (
        ["boy", "blue sweatshirt <0", "donut"],
        "a:DET:det:1 boy:NOUN:ROOT:1 in:ADP:case:5 a:DET:det:5 blue:ADJ:amod:5 sweatshirt:NOUN:nmod:1 "
        "eating:VERB:acl:1 a:DET:det:8 donut:NOUN:obj:6",
        "a:DET:det:1 boy:NOUN:ROOT:1 in:ADP:prep:1 a:DET:det:5 blue:ADJ:amod:5 sweatshirt:NOUN:pobj:2 "
        "eating:VERB:acl:1 a:DET:det:8 donut:NOUN:dobj:6",
    ),
    "conjunct with modifiers of its own": (
        ["big striped ring", "white star", "sand <1"],
        "big:ADJ:amod:2 striped:ADJ:amod:2 ring:NOUN:ROOT:2 and:CCONJ:cc:6 a:DET:det:6 white:ADJ:amod:6 "
        "star:NOUN:conj:2 on:ADP:case:8 sand:NOUN:nmod:6",
        "big:ADJ:amod:2 striped:VERB:amod:2 ring:NOUN:ROOT:2 and:CCONJ:cc:2 a:DET:det:6 white:ADJ:amod:6 "
        "star:NOUN:conj:2 on:ADP:prep:6 sand:NOUN:pobj:7",
    ),
    "next to": (
        ["cats", "red car <0"],
        "two:NUM:nummod:1 cats:NOUN:ROOT:1 next:ADP:case:6 to:ADP:case:6 a:DET:det:6 red:ADJ:amod:6 car:NOUN:nmod:1",
        "two:NUM:nummod:1 cats:NOUN:ROOT:1 next:ADV:advmod:1 to:ADP:prep:2 a:DET:det:6 red:ADJ:amod:6 car:NOUN:pobj:3",
    ),
    "in front of": (
        ["cat", "house <0"],
        "a:DET:det:1 cat:NOUN:ROOT:1 in:ADP:case:3 front:NOUN:nmod:1 of:ADP:case:6 the:DET:det:6 house:NOUN:nmod:3",
        "a:DET:det:1 cat:NOUN:ROOT:1 in:ADP:prep:1 front:NOUN:pobj:2 of:ADP:prep:3 the:DET:det:6 house:NOUN:pobj:4",
    ),
    "coordinated adjectives": (
        ["black white cat"],
        "black:ADJ:amod:3 and:CCONJ:cc:2 white:ADJ:conj:0 cat:NOUN:ROOT:3",
        "black:ADJ:amod:3 and:CCONJ:cc:0 white:ADJ:conj:0 cat:NOUN:ROOT:3",
    ),
    "place": (
        ["brown dog @left"],
        "the:DET:det:2 brown:ADJ:amod:2 dog:NOUN:ROOT:2 on:ADP:case:5 the:DET:det:5 left:NOUN:nmod:2",
        "the:DET:det:2 brown:ADJ:amod:2 dog:NOUN:ROOT:2 on:ADP:prep:2 the:DET:det:5 left:NOUN:pobj:3",
    ),
    "corner of the picture": (
        ["dog @left"],
        "dog:NOUN:ROOT:0 in:ADP:case:5 the:DET:det:5 top:ADJ:amod:5 left:ADJ:amod:5 corner:NOUN:nmod:0 "
        "of:ADP:case:8 the:DET:det:8 picture:NOUN:nmod:5",
        "dog:NOUN:ROOT:0 in:ADP:prep:0 the:DET:det:5 top:ADJ:amod:5 left:ADJ:amod:5 corner:NOUN:pobj:1 "
        "of:ADP:prep:5 the:DET:det:8 picture:NOUN:pobj:6",
    ),
    "left of another thing": (
        ["dog", "car <0"],
        "dog:NOUN:ROOT:0 to:ADP:case:3 the:DET:det:3 left:NOUN:nmod:0 of:ADP:case:6 the:DET:det:6 car:NOUN:nmod:3",
        "dog:NOUN:ROOT:0 to:ADP:prep:0 the:DET:det:3 left:NOUN:pobj:1 of:ADP:prep:3 the:DET:det:6 car:NOUN:pobj:4",
    ),
    "clause about a place": (
        ["dog @right"],
        "the:DET:det:1 dog:NOUN:nsubj:5 is:AUX:cop:5 on:ADP:case:5 the:DET:det:5 right:NOUN:ROOT:5",
        "the:DET:det:1 dog:NOUN:nsubj:2 is:AUX:ROOT:2 on:ADP:prep:2 the:DET:det:5 right:NOUN:pobj:3",
    ),
    "verb of standing": (
        ["man", "red board <0"],
        "a:DET:det:1 man:NOUN:ROOT:1 standing:VERB:acl:1 on:ADP:case:6 a:DET:det:6 red:ADJ:amod:6 board:NOUN:obl:2",
        "a:DET:det:1 man:NOUN:ROOT:1 standing:VERB:acl:1 on:ADP:prep:2 a:DET:det:6 red:ADJ:amod:6 board:NOUN:pobj:3",
    ),
    "finite verb": (
        ["man", "board <0"],
        "a:DET:det:1 man:NOUN:nsubj:3 is:AUX:aux:3 standing:VERB:ROOT:3 on:ADP:case:6 a:DET:det:6 board:NOUN:obl:3",
        "a:DET:det:1 man:NOUN:nsubj:3 is:AUX:aux:3 standing:VERB:ROOT:3 on:ADP:prep:3 a:DET:det:6 board:NOUN:pobj:4",
    ),
    "relative clause": (
        ["girl", "cup"],
        "girl:NOUN:ROOT:0 who:PRON:nsubj:3 is:AUX:aux:3 holding:VERB:acl/relcl:0 a:DET:det:5 cup:NOUN:obj:3",
        "girl:NOUN:ROOT:0 who:PRON:nsubj:3 is:AUX:aux:3 holding:VERB:relcl:0 a:DET:det:5 cup:NOUN:dobj:3",
    ),
    "predicate adjective": (
        ["red ring"],
        "the:DET:det:1 ring:NOUN:nsubj:3 is:AUX:cop:3 red:ADJ:ROOT:3",
        "the:DET:det:1 ring:NOUN:nsubj:2 is:AUX:ROOT:2 red:ADJ:acomp:2",
    ),
    "adjective in a relative clause": (
        ["red ring"],
        "the:DET:det:1 ring:NOUN:ROOT:1 that:PRON:nsubj:4 is:AUX:cop:4 red:ADJ:acl/relcl:1",
        "the:DET:det:1 ring:NOUN:ROOT:1 that:PRON:nsubj:3 is:AUX:relcl:1 red:ADJ:acomp:3",
    ),
    "possessor": (
        ["man <1", "red hat"],
        "the:DET:det:1 man:NOUN:nmod/poss:4 's:PART:case:1 red:ADJ:amod:4 hat:NOUN:ROOT:4",
        "the:DET:det:1 man:NOUN:poss:4 's:PART:case:1 red:ADJ:amod:4 hat:NOUN:ROOT:4",
    ),
    "photo of": (
        ["yellow taxi @left", "street <0"],
        "a:DET:det:1 photo:NOUN:ROOT:1 of:ADP:case:5 a:DET:det:5 yellow:ADJ:amod:5 taxi:NOUN:nmod:1 in:ADP:case:8 "
        "a:DET:det:8 street:NOUN:nmod:5 on:ADP:case:11 the:DET:det:11 left:NOUN:nmod:1",
        "a:DET:det:1 photo:NOUN:ROOT:1 of:ADP:prep:1 a:DET:det:5 yellow:ADJ:amod:5 taxi:NOUN:pobj:2 in:ADP:prep:5 "
        "a:DET:det:8 street:NOUN:pobj:6 on:ADP:prep:1 the:DET:det:11 left:NOUN:pobj:9",
    ),
    "person with a group of things": (
        ["man", "dogs <0"],
        "man:NOUN:ROOT:0 with:ADP:case:3 a:DET:det:3 group:NOUN:nmod:0 of:ADP:case:5 dogs:NOUN:nmod:3",
        "man:NOUN:ROOT:0 with:ADP:prep:0 a:DET:det:3 group:NOUN:pobj:1 of:ADP:prep:3 dogs:NOUN:pobj:4",
    ),
    "order": (
        ["dog @left"],
        "find:VERB:ROOT:0 the:DET:det:2 dog:NOUN:obj:0 on:ADP:case:5 the:DET:det:5 left:NOUN:obl:0",
        "find:VERB:ROOT:0 the:DET:det:2 dog:NOUN:dobj:0 on:ADP:prep:0 the:DET:det:5 left:NOUN:pobj:3",
    ),
}


@pytest.mark.parametrize("scheme", [1, 2], ids=["universal", "clearnlp"])
@pytest.mark.parametrize("name", BOTH_SCHEMES)
def test_both_label_schemes_give_the_same_phrases(name: str, scheme: int) -> None:
    case = BOTH_SCHEMES[name]
    assert shown(parsed(str(case[scheme]))) == case[0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("the:DET:det:1 leftmost:ADJ:amod:2 bottle:NOUN:ROOT:2".replace("det:1", "det:2"), ["bottle @left"]),
        ("upper:ADJ:amod:1 shelf:NOUN:ROOT:1", ["shelf @top"]),
        ("several:ADJ:amod:1 dogs:NOUN:ROOT:1", ["dogs"]),
        ("very:ADV:advmod:1 big:ADJ:amod:2 dog:NOUN:ROOT:2", ["big dog"]),
        ("dark:ADJ:amod:1 blue:ADJ:amod:2 shirt:NOUN:ROOT:2", ["dark blue shirt"]),
        ("traffic:NOUN:compound:1 light:NOUN:ROOT:1", ["traffic light"]),
        ("parked:VERB:acl:1 car:NOUN:ROOT:1", ["parked car"]),
        ("a:DET:det:2 pink:ADJ:amod:2 top:NOUN:ROOT:2", ["pink top"]),
        ("the:DET:det:1 orange:ADJ:ROOT:1", ["orange"]),
        ("on:ADP:case:2 the:DET:det:2 left:NOUN:ROOT:2", []),
        ("it:PRON:nsubj:2 is:AUX:cop:2 red:ADJ:ROOT:2", []),
        ("dog:NOUN:ROOT:0 in:ADP:case:3 the:DET:det:3 picture:NOUN:nmod:0", ["dog"]),
        ("walk:VERB:ROOT:0 up:ADP:compound/prt:0", []),
    ],
)
def test_single_rules(rows: str, expected: list[str]) -> None:
    assert shown(parsed(rows)) == expected


TRAITS = {
    "in clothes, against in a place": (
        {"coat": "boy"},
        "boy:NOUN:ROOT:0 in:ADP:case:2 coat:NOUN:nmod:0 in:ADP:case:4 grass:NOUN:nmod:0",
        "boy:NOUN:ROOT:0 in:ADP:prep:0 coat:NOUN:pobj:1 in:ADP:prep:0 grass:NOUN:pobj:3",
    ),
    "contents, against the whole": (
        {"fruit": "bowl"},
        "bowl:NOUN:ROOT:0 of:ADP:case:2 fruit:NOUN:nmod:0 and:CCONJ:cc:4 leg:NOUN:conj:0 of:ADP:case:7 "
        "the:DET:det:7 chair:NOUN:nmod:4",
        "bowl:NOUN:ROOT:0 of:ADP:prep:0 fruit:NOUN:pobj:1 and:CCONJ:cc:0 leg:NOUN:conj:0 of:ADP:prep:4 "
        "the:DET:det:7 chair:NOUN:pobj:5",
    ),
    "two with one preposition": (
        {"hat": "man", "bag": "man"},
        "man:NOUN:ROOT:0 with:ADP:case:2 hat:NOUN:nmod:0 and:CCONJ:cc:4 bag:NOUN:conj:2",
        "man:NOUN:ROOT:0 with:ADP:prep:0 hat:NOUN:pobj:1 and:CCONJ:cc:2 bag:NOUN:conj:2",
    ),
    "worn, against held": (
        {"hats": "men"},
        "men:NOUN:ROOT:0 who:PRON:nsubj:2 wear:VERB:acl/relcl:0 hats:NOUN:obj:2 and:CCONJ:cc:5 hold:VERB:conj:2 "
        "cups:NOUN:obj:5",
        "men:NOUN:ROOT:0 who:PRON:nsubj:2 wear:VERB:relcl:0 hats:NOUN:dobj:2 and:CCONJ:cc:2 hold:VERB:conj:2 "
        "cups:NOUN:dobj:5",
    ),
    "a group that is had": (
        {"dogs": "man"},
        "man:NOUN:ROOT:0 with:ADP:case:3 a:DET:det:3 group:NOUN:nmod:0 of:ADP:case:5 dogs:NOUN:nmod:3",
        "man:NOUN:ROOT:0 with:ADP:prep:0 a:DET:det:3 group:NOUN:pobj:1 of:ADP:prep:3 dogs:NOUN:pobj:4",
    ),
    "in front of": ({}, *BOTH_SCHEMES["in front of"][1:]),
    "left of another thing": ({}, *BOTH_SCHEMES["left of another thing"][1:]),
    "next to": ({}, *BOTH_SCHEMES["next to"][1:]),
    "possessor": ({}, *BOTH_SCHEMES["possessor"][1:]),
}


@pytest.mark.parametrize("scheme", [1, 2], ids=["universal", "clearnlp"])
@pytest.mark.parametrize("name", TRAITS)
def test_what_describes_a_thing_and_what_stands_by_it(name: str, scheme: int) -> None:
    case = TRAITS[name]
    phrases = parsed(str(case[scheme]))
    found = {each.noun.text: phrases[each.trait_of].noun.text for each in phrases if each.trait_of is not None}
    assert found == case[0]


def test_text_leaves_out_determiner_and_hanging_phrases() -> None:
    rows = "the:DET:det:2 brown:ADJ:amod:2 dog:NOUN:ROOT:2 with:ADP:case:5 a:DET:det:5 ball:NOUN:nmod:2"
    assert [phrase.text for phrase in parsed(rows)] == ["brown dog", "ball"]


def test_words_carry_their_characters() -> None:
    (phrase,) = parsed("a:DET:det:2 Brown:ADJ:amod:2 Dog:NOUN:ROOT:2")
    assert (phrase.noun.start, phrase.noun.end, phrase.noun.lemma) == (8, 11, "dog")
    assert (phrase.modifiers[0].start, phrase.modifiers[0].end, phrase.modifiers[0].text) == (2, 7, "Brown")


def test_attachments_in_a_circle_end() -> None:
    """Two measures "of" each other cannot come from a parser, but an attachment must not loop."""
    assert shown(parsed("group:NOUN:ROOT:0 of:ADP:case:2 group:NOUN:nmod:0")) == ["group"]

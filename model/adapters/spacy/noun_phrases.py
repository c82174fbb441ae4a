"""Dependency trees -> noun phrases, for Universal Dependencies and for ClearNLP labels (en_core_web_*).

Which arcs make a modifier follows SynGen; that a prepositional phrase belongs to the noun it hangs off, while a verb's
object is a target of its own, follows Segment Anyword, section 2.4 and figure 6. Place words, carriers ("corner"),
measures ("a photo of") and which prepositions describe a thing ("with a hat", not "next to a hat") are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacy.tokens import Doc, Token

from model.adapters.spacy.place_words import (
    CARRIERS,
    COVERING,
    DEGREES,
    GARMENTS,
    MEASURES,
    PICTURES,
    PLACES,
    PRONOUNS,
    QUANTITIES,
    WEARING,
)
from model.types import Phrase, Word

Span = tuple[int, int]
Hanging = tuple[int | None, str | None, int | None]  # parent, place and trait_of of a phrase

MODIFYING = frozenset({"amod", "compound", "nn", "npadvmod", "flat"})  # arcs from a noun to its modifiers
DEEPER = MODIFYING | {"conj", "advmod"}  # and from a modifier to its own
INNER = MODIFYING | {"fixed", "goeswith", "det", "case", "cc", "nummod", "advmod", "prep", "mark", "aux", "cop"}
UNMARKED = frozenset({"obl:unmarked", "obl:npmod", "obl:tmod", "nmod:npmod", "nmod:tmod"})  # "two feet tall"
SUBJECTS = ("nsubj", "nsubjpass", "attr")
OBJECTS = ("obj", "dobj")


def phrases_of(doc: Doc, spans: Sequence[Span], text: str) -> tuple[Phrase, ...]:
    """The noun phrases of a parsed text in order of appearance; `spans` are the tokens' characters in `text`."""
    nouns = [token for token in doc if _is_target(token)]
    index = {noun.i: number for number, noun in enumerate(nouns)}
    places = {noun.i: _own_place(noun) for noun in nouns}
    for carrier in filter(_is_place, doc):
        noun = _anchor(_governor(carrier), index)
        if noun is not None:
            places[noun.i] = places[noun.i] or _place_of(carrier)
    hanging = {noun.i: (_parent(noun, index), places[noun.i], _trait_of(noun, index)) for noun in nouns}
    return tuple(_phrase(noun, spans, text, hanging[noun.i]) for noun in nouns)


def word_of(token: Token, spans: Sequence[Span], text: str) -> Word:
    """A token as a word; the lemma is in small letters, and the word itself where the pipeline gives none."""
    start, end = spans[token.i]
    return Word(text[start:end], _lemma(token), start, end)


def _phrase(noun: Token, spans: Sequence[Span], text: str, hanging: Hanging) -> Phrase:
    front = [token for token in _modifiers(noun) if token.text.lower() not in PLACES]
    adjacent = [token for token in front if token.i < noun.i or _base(token) in ("flat", "compound")]
    start = min(spans[token.i][0] for token in (*adjacent, noun))
    end = max(spans[token.i][1] for token in (*adjacent, noun))
    described = sorted({*front, *_predicates(noun)}, key=lambda token: token.i)
    modifiers = tuple(word_of(token, spans, text) for token in described)
    return Phrase(text[start:end], word_of(noun, spans, text), modifiers, *hanging)


# ---------------------------------------------------------------- which tokens are what


def _base(token: Token) -> str:
    """The relation without its subtype: acl for acl:relcl; ClearNLP's relcl is an acl."""
    relation = token.dep_.split(":")[0]
    return "acl" if relation == "relcl" else relation


def _lemma(token: Token) -> str:
    return (token.lemma_ or token.text).lower()


def _children(token: Token, *relations: str) -> Iterator[Token]:
    return (child for child in token.children if _base(child) in relations)


def _is_target(token: Token) -> bool:
    """A noun that names a thing, and not where a thing is or how many there are."""
    return _is_noun(token) and not (_says_where(token) or _is_measure(token) or _is_whole(token))


def _is_noun(token: Token) -> bool:
    """A noun that heads something; an adjective with a determiner ("the orange") counts as one."""
    if _base(token) in INNER or token.dep_ in UNMARKED or _is_bare_nominal(token) or token.lower_ in PRONOUNS:
        return False
    named = token.pos_ in ("NOUN", "PROPN") and any(letter.isalnum() for letter in token.text)
    return named or (token.pos_ in ("ADJ", "VERB", "X") and any(_children(token, "det")))


def _is_bare_nominal(token: Token) -> bool:
    """A noun before another noun without a preposition: part of the other one."""
    return _base(token) == "nmod" and token.i < token.head.i and not any(_children(token, "case"))


def _says_where(token: Token) -> bool:
    """Such as "left" in "to the left of the car" and "front" in "in front of", not "top" in "a pink top"."""
    if token.lower_ not in PLACES and token.lower_ not in CARRIERS:
        return False
    if not _is_plain(token) or any(child.lower_ in ("a", "an") for child in token.children):
        return False
    return token.lower_ in PLACES or (_governor(token) is not None and _is_position(token))


def _is_position(carrier: Token) -> bool:
    """Such as "side" in "on the left side" and in "at the side of the house"; not a mere corner."""
    return _place_of(carrier) is not None or _complement(carrier) is not None or carrier.lower_ == "front"


def _is_place(token: Token) -> bool:
    """Whether the token puts something into a part of the picture, not beside another thing."""
    complement = _complement(token)
    return _says_where(token) and _place_of(token) is not None and (complement is None or _is_whole(complement))


def _is_whole(token: Token) -> bool:
    """Such as "picture" in "the dog in the picture": what is asked about, not a thing in it."""
    the = any(child.lower_ in ("the", "this") for child in token.children)
    return _lemma(token) in PICTURES and the and _governor(token) is not None and not _modifiers(token)


def _is_measure(token: Token) -> bool:
    """Such as "photo" in "a photo of a dog" and "group" in "a group of people": the dog and the people are meant."""
    return _lemma(token) in MEASURES and _complement(token) is not None


def _is_plain(token: Token) -> bool:
    return all(word.lower_ in PLACES or word.lower_ in DEGREES for word in _modifiers(token))


def _place_of(token: Token) -> str | None:
    """The place that a place word or its carrier ("corner") names; the last of two ("top left")."""
    return PLACES.get(token.lower_) or (_own_place(token) if token.lower_ in CARRIERS else None)


def _own_place(noun: Token) -> str | None:
    named = [PLACES[token.lower_] for token in _modifiers(noun) if token.lower_ in PLACES]
    return named[-1] if named else None


def _complement(token: Token) -> Token | None:
    """The noun behind "of"."""
    for child in token.children:
        if _base(child) == "nmod" and any(mark.lower_ == "of" for mark in _children(child, "case")):
            return child
        if child.lower_ == "of" and _base(child) == "prep":
            return next(_children(child, "pobj"), None)
    return None


# ---------------------------------------------------------------- modifiers


def _modifiers(noun: Token) -> list[Token]:
    """Adjectives, compound parts and participles of a noun with their own modifiers, in order."""
    found = {token for child in noun.children if _modifies(child) for token in (child, *_deeper(child))}
    return sorted((token for token in found if token.lower_ not in QUANTITIES), key=lambda token: token.i)


def _modifies(child: Token) -> bool:
    if child.dep_ == "compound:prt" or child.pos_ in ("NUM", "DET", "PRON", "PUNCT"):
        return False
    participle = _base(child) == "acl" and child.i == child.head.i - 1
    return _base(child) in MODIFYING or participle or _is_bare_nominal(child)


def _deeper(modifier: Token) -> Iterator[Token]:
    """Such as "dark" of "dark blue", "white" of "black and white", "long" of "long-haired"; no adverbs."""
    for child in _children(modifier, *DEEPER):
        if child.pos_ in ("ADJ", "NOUN", "PROPN", "VERB"):
            yield child
            yield from _deeper(child)


def _predicates(noun: Token) -> Iterator[Token]:
    """Such as "red" in "the ring is red" and in "the ring that is red"."""
    heads = [noun.head] if _base(noun) in ("nsubj", "nsubjpass") else []
    for clause in (*heads, *_children(noun, "acl")):
        if clause.pos_ == "ADJ" and any(_children(clause, "cop")):
            yield clause
        yield from (token for token in _children(clause, "acomp") if token.pos_ == "ADJ")


# ---------------------------------------------------------------- what hangs off what


def _governor(token: Token) -> Token | None:
    """What a preposition or a possessive ties the noun to; in "the cat is on the mat" that is the subject."""
    relation = _base(token)
    if relation == "pobj":
        return _past_prepositions(token.head)
    if relation == "poss":
        return token.head
    if relation == "conj" or not any(_children(token, "case")):
        return None
    if relation in ("ROOT", "root", "ccomp", "xcomp"):
        return next(_children(token, "nsubj"), None)
    return token.head


def _past_prepositions(token: Token) -> Token | None:
    while token.pos_ == "ADP" and token.head != token:
        token = token.head
    return None if token.pos_ == "ADP" else token


def _parent(noun: Token, index: dict[int, int]) -> int | None:
    """The index of the phrase that the noun hangs off."""
    return _index(_governor(_outermost(noun)), noun, index)


def _trait_of(noun: Token, index: dict[int, int]) -> int | None:
    """The index of the phrase that the noun describes; "with a hat and a bag" gives two traits."""
    own = _outermost(_first_conjunct(noun))
    if _base(own) in OBJECTS and _lemma(own.head) in WEARING:
        return _index(own.head, noun, index)
    governor = _governor(own)
    return _index(governor, noun, index) if governor is not None and _describes(own, governor) else None


def _is_garment(token: Token) -> bool:
    return token.lower_ in GARMENTS or _lemma(token) in GARMENTS


def _first_conjunct(noun: Token) -> Token:
    """What the noun is one more of; among clothes the nearest, which parsers miss in "in a coat and trousers"."""
    while _base(noun) == "conj":
        between = noun.doc[noun.head.i + 1 : noun.i]
        clothes = [token for token in between if _is_garment(token) and _is_garment(noun) and _is_noun(token)]
        noun = clothes[-1] if clothes else noun.head
    return noun


def _describes(noun: Token, governor: Token) -> bool:
    """Whether a noun behind a preposition belongs to what it hangs off: with, in (clothes), of (contents).

    "In the grass" is a place, and "the leg of the chair" no chair. A verb has to be a past participle ("covered with
    snow"): "playing with a ball" tells of another thing.
    """
    if _says_where(governor) or (governor.pos_ == "VERB" and governor.tag_ != "VBN"):
        return False
    preposition = _preposition(noun)
    if preposition == "in":
        return _is_garment(noun) or _lemma(governor) in COVERING
    whole = any(child.lower_ in ("the", "this", "that") for child in _children(noun, "det"))
    return preposition == "with" or (preposition == "of" and not whole)


def _preposition(noun: Token) -> str:
    """The word that ties the noun to its governor, "" where there are several ("next to")."""
    marks = [noun.head] if _base(noun) == "pobj" else list(_children(noun, "case"))
    return marks[0].lower_ if len(marks) == 1 and not any(_children(marks[0], "fixed", "pcomp")) else ""


def _outermost(noun: Token) -> Token:
    """The measure that the noun is counted in, for it hangs where the noun should: "with a group of dogs"."""
    governor = _governor(noun)
    while governor is not None and _is_measure(governor) and _complement(governor) == noun:
        noun, governor = governor, _governor(governor)
    return noun


def _index(token: Token | None, noun: Token, index: dict[int, int]) -> int | None:
    """The index of the phrase that an attachment of `noun` to `token` is about."""
    anchor = _anchor(token, index)
    return None if anchor is None or anchor == noun else index[anchor.i]


def _anchor(token: Token | None, index: dict[int, int]) -> Token | None:
    """The target noun that an attachment to `token` is about, through verbs, carriers and measures."""
    seen: set[int] = set()
    while token is not None and token.i not in index:
        if token.i in seen:
            return None
        seen.add(token.i)
        token = _onward(token)
    return token


def _onward(token: Token) -> Token | None:
    """One step from a token that is no target towards the one that it belongs to."""
    if _is_measure(token):
        return _complement(token)
    if _is_noun(token):
        return _governor(token)
    if _base(token) in ("acl", *INNER):
        return token.head
    nouns = [child for relation in SUBJECTS for child in _children(token, relation) if child.pos_ != "PRON"]
    if nouns:
        return nouns[0]
    if token.head != token:
        return token.head
    return next(_children(token, *OBJECTS), None)

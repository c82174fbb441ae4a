"""Noun phrases of the generated captions: determiner, modifiers, compound, noun; all ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from model.training.parser import caption_words as words
from model.training.parser.caption_trees import Node, attach, the, verb, word


def plural(noun: str) -> str:
    """The plural of an English noun of our vocabulary."""
    if noun in words.IRREGULAR_PLURALS:
        return words.IRREGULAR_PLURALS[noun]
    if noun.endswith("y") and noun[-2] not in "aeou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _nonce(rng: Random) -> str:
    """A word that no dictionary has ("glorp"), so that unknown words are learnt as nouns."""
    onsets, codas = words.NONCE_ONSETS, words.NONCE_CODAS
    syllables = (rng.choice(onsets) + rng.choice("aeiou") for _ in range(rng.choice([1, 1, 2])))
    return "".join(syllables) + rng.choice(codas)


@dataclass(frozen=True, slots=True)
class NounFamily:
    """A family of nouns and how they are described."""

    nouns: tuple[str, ...]
    colours: tuple[str, ...] = words.COLOURS
    qualities: tuple[str, ...] = words.QUALITIES
    moving: bool = False
    bare: bool = False  # mass nouns: no determiner needed, no plural


PERSON_QUALITIES = ("young", "old", "tall", "little", "small", "bald", "happy", "blond", "elderly")
PERSON = NounFamily(words.PEOPLE, qualities=PERSON_QUALITIES, moving=True)
ANIMAL = NounFamily(words.ANIMALS, moving=True)
VEHICLE = NounFamily(words.VEHICLES)
CLOTHES = NounFamily(words.CLOTHES)
FOOD = NounFamily(words.FOOD)
THING = NounFamily(words.THINGS)
PLACE = NounFamily(words.FURNITURE + words.OUTDOORS)
GROUND = NounFamily(words.GROUNDS, qualities=("green", "wet", "dry", "dirty"), bare=True)
MASS = NounFamily(words.MASSES, qualities=("fresh", "hot", "cold", "green"), bare=True)
HAIR = NounFamily(words.HAIR, qualities=("long", "short", "curly", "thick", "dark", "blond"), bare=True)
PART = NounFamily(words.PARTS)
ROOM = NounFamily(words.ROOMS, qualities=("large", "small", "busy", "dark", "empty", "crowded", "modern"))
SHAPE = NounFamily(words.SHAPES, words.SHAPE_COLOURS, ("plain", "big", "small"))
ANYTHING = (PERSON, PERSON, ANIMAL, ANIMAL, VEHICLE, FOOD, THING, THING, PLACE)


def head_noun(rng: Random, kind: NounFamily, many: bool) -> Node:
    """The noun with its compound parts."""
    *front, noun = (_nonce(rng) if rng.random() < 0.03 else rng.choice(kind.nouns)).split("_")
    parts = tuple(word(part, "NOUN", "compound") for part in front)
    if many:
        return replace(word(plural(noun), "NOUN", "root", "NNS", noun), left=parts)
    return replace(word(noun, "NOUN", "root"), left=parts)


def _plain(rng: Random, kind: NounFamily) -> Node:
    return word(rng.choice(words.SIZES if rng.random() < 0.5 else kind.qualities), "ADJ", "amod")


def _pattern(rng: Random, _: NounFamily) -> Node:
    return word(rng.choice(words.PATTERNS), "ADJ", "amod")


def _colour(rng: Random, kind: NounFamily) -> Node:
    colour = word(rng.choice(kind.colours), "ADJ", "amod")
    draw = rng.random()
    if draw < 0.12:
        return replace(colour, left=(word(rng.choice(words.SHADES), "ADJ", "amod"),))
    if draw < 0.22:
        other = attach(word(rng.choice(kind.colours), "ADJ", "conj"), "conj", word("and", "CCONJ", "cc"))
        return replace(colour, right=(other,))
    return colour


def _participle(rng: Random, kind: NounFamily) -> Node:
    if kind.moving:
        return verb(rng.choice(words.PRESENT_PARTICIPLES), "amod")
    return verb(rng.choice(words.PAST_PARTICIPLES), "amod", "VBN")


def _long_sleeved(rng: Random, _: NounFamily) -> Node:
    """A hyphenated adjective, cut as the tokenizer cuts it ("long - haired")."""
    first = word(rng.choice(["long", "short", "red", "white", "dark"]), "ADJ", "amod")
    second = rng.choice(["haired", "sleeved", "striped", "painted", "legged", "colored"])
    return replace(word(second, "ADJ", "amod"), left=(first, word("-", "PUNCT", "punct", "HYPH")))


def modifiers(rng: Random, kind: NounFamily) -> tuple[Node, ...]:
    """None to three adjectives in a free order, then perhaps a material."""
    count = rng.choices([0, 1, 2, 3], [32, 42, 20, 6])[0]
    makers = rng.choices([_plain, _pattern, _colour, _participle, _long_sleeved], [6, 1.5, 6, 1.2, 0.4], k=count)
    adjectives = [make(rng, kind) for make in makers]
    if len(adjectives) > 1 and rng.random() < 0.12:
        adjectives.insert(1, word(",", "PUNCT", "punct"))
    if adjectives and rng.random() < 0.04:
        adverb = word(rng.choice(["very", "really", "brightly", "quite"]), "ADV", "advmod")
        adjectives[0] = attach(adjectives[0], "amod", adverb)
    if kind in (THING, PLACE, CLOTHES, VEHICLE) and rng.random() < 0.08:
        adjectives.append(word(rng.choice(words.MATERIALS), "NOUN", "compound"))
    return tuple(adjectives)


def _determiner(rng: Random, kind: NounFamily, many: bool) -> tuple[Node, ...]:
    if many:
        numeral = rng.choice(words.NUMBERS)
        return rng.choices(
            [(), (the(),), (word(numeral, "NUM", "nummod", "CD"),), (word("some", "DET", "det"),),
             (the(), word(numeral, "NUM", "nummod", "CD")), (word(rng.choice(["many", "several"]), "ADJ", "amod"),),
             (word("all", "DET", "det:predet", "PDT"), the())],
            [4, 2, 5, 1, 1, 1.5, 0.5],
        )[0]  # fmt: skip
    if kind in (MASS, HAIR):
        return ()
    if kind.bare:
        return rng.choices([(), (the(),)], [3, 2])[0]
    his = word(rng.choice(["his", "her", "their", "my", "its"]), "PRON", "nmod:poss", "PRP$")
    every = word(rng.choice(["each", "every", "this", "that", "another"]), "DET", "det")
    return rng.choices([(word("a", "DET", "det"),), (the(),), (), (his,), (every,)], [10, 7, 2.5, 0.5, 0.4])[0]


def noun_phrase(rng: Random, kind: NounFamily | None = None) -> Node:
    """Determiner, modifiers and noun: nothing behind the noun."""
    kind = kind or rng.choice(ANYTHING)
    many = not kind.bare and rng.random() < 0.2
    noun = head_noun(rng, kind, many)
    side = (word(rng.choice(words.SIDE_ADJECTIVES).split("_")[-1], "ADJ", "amod"),) if rng.random() < 0.05 else ()
    front = (*side, *modifiers(rng, kind))
    if rng.random() < 0.015:
        front = (word(*(rng.choice(words.SUPERLATIVES).split(":")[0], "ADJ", "amod", "JJS")), *front)
    owner = head_noun(rng, PERSON, False) if rng.random() < 0.02 and kind in (CLOTHES, THING) else None
    if owner:
        possessor = replace(owner, dep="nmod:poss", left=(the(), *owner.left),
                            right=(word("'s", "PART", "case", "POS"),))  # fmt: skip
        return replace(noun, left=(possessor, *front, *noun.left))
    return replace(noun, left=(*_determiner(rng, kind, many), *front, *noun.left))

"""Generated captions with gold dependency trees (Universal Dependencies labels, as in English EWT); all ours.

The same seed gives the same captions. Two readings are always resolved one way: a prepositional phrase hangs off the
nearest noun, except after clothes and parts, where it hangs off the owner; a coordination joins whole noun phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from model.training.parser import caption_words as words
from model.training.parser.caption_phrases import (
    ANIMAL,
    ANYTHING,
    CLOTHES,
    FOOD,
    GROUND,
    HAIR,
    MASS,
    PART,
    PERSON,
    PLACE,
    ROOM,
    SHAPE,
    THING,
    VEHICLE,
    NounFamily,
    head_noun,
    modifiers,
    noun_phrase,
    plural,
)
from model.training.parser.caption_trees import Caption, Node, attach, case, dress, lay_out, the, verb, word


def captions(seed: int) -> Iterator[Caption]:
    """An endless stream of captions: everyday scenes, the shape world, labels, requests, texts without a noun."""
    rng = Random(seed)
    writers, weights = zip(*WRITERS, strict=True)
    while True:
        writer = rng.choices(writers, weights)[0]
        yield dress(rng, lay_out(writer(rng)))


# ---------------------------------------------------------------- what follows the noun


def _side(rng: Random) -> Node:
    """Where it is: "on the left", "at the top", "in the top left corner of the picture", "on the right side"."""
    side = rng.choice(words.SIDES)
    preposition = words.SIDE_PREPOSITIONS.get(side) or rng.choice(["on", "on", "to"])
    far = (word("far", "ADJ", "amod"),) if preposition == "on" and rng.random() < 0.15 else ()
    place = replace(word(side, "NOUN", "nmod"), left=(*case(preposition), the(), *far))
    draw = rng.random()
    if preposition == "on" and draw < 0.25:
        carrier = word(rng.choice(["side", "half", "edge"]), "NOUN", "nmod")
        place = replace(carrier, left=(*case("on"), the(), word(side, "ADJ", "amod")))
    elif draw > 0.9:
        vertical = word(rng.choice(["top", "bottom", "upper", "lower"]), "ADJ", "amod")
        horizontal = word(rng.choice(["left", "right"]), "ADJ", "amod")
        place = replace(word("corner", "NOUN", "nmod"), left=(*case("in"), the(), vertical, horizontal))
    if rng.random() < 0.15:
        whole = word(rng.choice(["picture", "image", "photo"]), "NOUN", "nmod")
        place = replace(place, right=(replace(whole, left=(*case("of"), the())),))
    return place


def _relation(rng: Random, other: Node, dep: str = "nmod") -> Node:
    """What it stands by: "next to a red car", "in front of the house", "to the left of a cat"."""
    draw = rng.random()
    if draw < 0.75:
        return attach(other, dep, *case(*rng.choice(words.RELATIONS)))
    inner = (attach(other, "nmod", *case("of")),)
    if draw < 0.93:
        preposition, noun = rng.choice(words.RELATION_NOUNS)
        return replace(word(noun, "NOUN", dep), left=case(preposition), right=inner)
    side = word(rng.choice(["left", "right", "top", "side", "back", "middle"]), "NOUN", dep)
    return replace(side, left=(*case(rng.choice(["on", "to", "at"])), the()), right=inner)


def _doing(rng: Random, kind: NounFamily, depth: int) -> Node:
    """A participle behind the noun with what it takes: "eating a donut", "sitting on a bench", "parked near a tree"."""
    options = [(words.RESTING, None), (words.MEETING, ANIMAL)] if kind.moving else [(words.LAID, None)]
    if kind is PERSON:
        options = [*options, (words.HOLDING, THING), (words.EATING, FOOD), (words.RIDING, VEHICLE)]
    verbs, taken = rng.choice(options)
    doing = verb(rng.choice(verbs), "acl", "VBN" if verbs is words.LAID else "VBG")
    if taken:
        return replace(doing, right=(attach(_full(rng, depth - 1, taken), "obj"),))
    place = _full(rng, depth - 1, rng.choice([PLACE, PLACE, GROUND, ROOM]))
    draw = rng.random()
    if draw < 0.2:
        return replace(doing, right=(_relation(rng, place, "obl"),))
    return replace(doing, right=(attach(place, "obl", *case(rng.choice(["on", "in", "near", "by", "at"]))),))


def _wearing(rng: Random) -> Node:
    clothes = noun_phrase(rng, CLOTHES)
    if rng.random() < 0.15:
        form = rng.choice(words.CLOTHES_PLURAL)
        clothes = replace(word(form, "NOUN", "root", "NNS"), left=modifiers(rng, CLOTHES))
    if rng.random() < 0.12:
        return attach(word(rng.choice(words.COLOURS), "NOUN", "nmod"), "nmod", *case("in"))
    if rng.random() < 0.35:
        return replace(verb("wearing:wear", "acl"), right=(attach(clothes, "obj"),))
    return attach(clothes, "nmod", *case(rng.choice(["in", "in", "with"])))


def _which(rng: Random, depth: int, kind: NounFamily) -> Node:
    """A relative clause: "that is on the left", "which is red", "who is holding a cup"."""
    pronoun = word(rng.choice(["that", "which"] + ["who"] * (kind is PERSON)), "PRON", "nsubj", "WDT")
    copula = word("is", "AUX", "cop", "VBZ", "be")
    draw = rng.random()
    if draw < 0.4:
        return attach(_side(rng), "acl:relcl", pronoun, copula)
    if draw < 0.6:
        return attach(word(rng.choice(words.COLOURS), "ADJ", "acl:relcl"), "acl:relcl", pronoun, copula)
    return attach(_doing(rng, kind, depth), "acl:relcl", pronoun, replace(copula, dep="aux"))


def _filled(rng: Random) -> Node:
    """What is in it: "of fruit", "full of books", "covered with snow"."""
    content = noun_phrase(rng, rng.choice([MASS, MASS, FOOD, THING, GROUND]))
    draw = rng.random()
    if draw < 0.6:
        return attach(content, "nmod", *case("of"))
    if draw < 0.75:
        return replace(word("full", "ADJ", "amod"), right=(attach(content, "obl", *case("of")),))
    inside = attach(content, "obl", *case(rng.choice(["with", "with", "in", "by"])))
    return replace(verb(rng.choice(words.FILLED), "acl", "VBN"), right=(inside,))


HAVINGS = {PERSON: (HAIR, PART, ANIMAL, THING), ANIMAL: (PART, HAIR), PLACE: (PART,), VEHICLE: (PART,), SHAPE: (SHAPE,),
           THING: (PART,)}  # fmt: skip


def _behind(rng: Random, kind: NounFamily, depth: int) -> tuple[Node, ...]:
    """What hangs behind a noun; after clothes and parts ("in a suit", "with large ears") one thing more may follow."""
    if kind is PERSON and rng.random() < 0.3:
        return (_wearing(rng), *((_one_behind(rng, kind, depth),) if rng.random() < 0.55 else ()))
    if kind in HAVINGS and rng.random() < 0.15:
        owned = rng.choice(HAVINGS[kind])
        more = owned in (PART, HAIR) and rng.random() < 0.4
        having = attach(noun_phrase(rng, owned), "nmod", *case(rng.choice(["with"] * 9 + ["without"])))
        return (having, *((_one_behind(rng, kind, depth),) if more else ()))
    if kind in (THING, PLACE) and rng.random() < 0.1:
        return (_filled(rng),)
    return (_one_behind(rng, kind, depth),)


def _one_behind(rng: Random, kind: NounFamily, depth: int) -> Node:
    draw = rng.random()
    if draw < 0.27:
        return _side(rng)
    if draw < 0.5:
        return _relation(rng, _full(rng, depth - 1))
    if draw < 0.65:
        place = _full(rng, depth - 1, rng.choice([GROUND, PLACE, ROOM]))
        return attach(place, "nmod", *case(rng.choice(["on", "on", "in", "at"])))
    return _which(rng, depth, kind) if draw > 0.95 else _doing(rng, kind, depth)


def _full(rng: Random, depth: int, kind: NounFamily | None = None) -> Node:
    """A noun phrase, with attachments while `depth` lasts; a picture, group or kind of it now and then."""
    kind = kind or rng.choice(ANYTHING)
    phrase = noun_phrase(rng, kind)
    if depth > 0 and not kind.bare and rng.random() < 0.5:
        phrase = replace(phrase, right=(*phrase.right, *_behind(rng, kind, depth)))
    if rng.random() < 0.04:
        measure = word(rng.choice(words.MEASURES), "NOUN", "root")
        return replace(measure, left=(word("a", "DET", "det"),), right=(attach(phrase, "nmod", *case("of")),))
    return phrase


# ---------------------------------------------------------------- captions


def _joined(rng: Random, phrases: list[Node]) -> Node:
    """One phrase, or several: commas between them and perhaps a conjunction before the last."""
    first, *rest = phrases
    joint = rng.choices(["and", "or", "", "&"], [8, 0.5, 2, 0.2])[0]
    conjuncts = []
    for index, phrase in enumerate(rest):
        last = index == len(rest) - 1
        comma = () if last and joint and rng.random() < 0.7 else (word(",", "PUNCT", "punct"),)
        cc = (word(joint, "CCONJ", "cc", lemma="and" if joint == "&" else ""),) if last and joint else ()
        conjuncts.append(attach(phrase, "conj", *comma, *cc))
    return replace(first, right=(*first.right, *conjuncts))


def _scene(rng: Random) -> Node:
    count = rng.choices([1, 2, 3, 4], [52, 33, 11, 4])[0]
    return _joined(rng, [_full(rng, 2 if count < 3 else 1) for _ in range(count)])


def _shapes(rng: Random) -> Node:
    """The world of the procedural pictures: "a big striped blue ring and a white star on sand"."""
    count = rng.choices([1, 2, 3, 4, 5], [6, 6, 4, 2, 1])[0]
    phrases = [noun_phrase(rng, SHAPE) for _ in range(count)]
    related = count > 1 and rng.random() < 0.3
    other = phrases.pop(1) if related else None
    if rng.random() < 0.6:
        ground = attach(noun_phrase(rng, GROUND), "nmod", *case("on"))
        if other and len(phrases) == 1:
            other = replace(other, right=(ground,))
        else:
            phrases[-1] = replace(phrases[-1], right=(ground,))
    if other:
        phrases[0] = replace(phrases[0], right=(_relation(rng, other), *phrases[0].right))
    return _joined(rng, phrases)


def _label(rng: Random) -> Node:
    """A label: the bare noun with its compound, one adjective at most, no determiner; or several with commas."""

    def name() -> Node:
        kind = rng.choice((*ANYTHING, CLOTHES, GROUND, SHAPE, PART, ROOM))
        noun = head_noun(rng, kind, not kind.bare and rng.random() < 0.15)
        front = modifiers(rng, kind)[:1] if rng.random() < 0.4 else ()
        return replace(noun, left=(*(node for node in front if node.pos != "PUNCT"), *noun.left))

    return _joined(rng, [name() for _ in range(rng.choices([1, 2, 3, 5], [7, 1, 1, 1])[0])])


def _sentence(rng: Random) -> Node:
    """A finite clause: "a dog is chasing a cat", "the car is on the left", "the ring is red"."""
    kind = rng.choice((PERSON, ANIMAL, VEHICLE, THING))
    subject = attach(noun_phrase(rng, kind), "nsubj")
    if rng.random() < 0.3:
        return _finite(rng, kind, subject)
    be = word("are", "AUX", "aux", "VBP", "be") if subject.tag == "NNS" else word("is", "AUX", "aux", "VBZ", "be")
    draw = rng.random()
    if draw < 0.15:
        return attach(word(rng.choice(words.COLOURS), "ADJ", "root"), "root", subject, replace(be, dep="cop"))
    if draw < 0.35:
        place = _side(rng) if rng.random() < 0.5 else _relation(rng, _full(rng, 1))
        return attach(place, "root", subject, replace(be, dep="cop"))
    return attach(_doing(rng, kind, 1), "root", subject, be)


def _finite(rng: Random, kind: NounFamily, subject: Node) -> Node:
    """A clause in the present: "a man rides a horse", "two dogs lie on the grass", "the car has a flag"."""
    many = subject.tag == "NNS"
    if kind.moving:
        doing = _doing(rng, kind, 1)
    else:
        taken = attach(_full(rng, 1, rng.choice([PART, THING])), "obj")
        doing = replace(word("have", "VERB", "root", "VBP"), right=(taken,))
    form = doing.lemma if many else "has" if doing.lemma == "have" else plural(doing.lemma)
    return replace(doing, form=form, tag="VBP" if many else "VBZ", dep="root", left=(subject,))


def _request(rng: Random) -> Node:
    """What people ask: "find the red car", "there is a dog on the grass", "where are the cats", "show me a dog"."""
    what = _full(rng, 1)
    be = word("are", "AUX", "root", "VBP", "be") if what.tag == "NNS" else word("is", "AUX", "root", "VBZ", "be")
    draw = rng.random()
    if draw < 0.35:
        there = word("there", "PRON", "expl", "EX")
        return replace(be, pos="VERB", left=(there,), right=(attach(what, "nsubj"),))
    if draw < 0.45:
        where = word("where", "ADV", "root", "WRB")
        return replace(where, right=(replace(be, dep="cop"), attach(what, "nsubj")))
    if draw < 0.5:
        return replace(word("want", "VERB", "root", "VBP"), left=(word("I", "PRON", "nsubj", "PRP"),),
                       right=(attach(what, "obj"),))  # fmt: skip
    order = word(rng.choice(words.ORDERS), "VERB", "root", "VB")
    me = (word("me", "PRON", "iobj", "PRP", "I"),) if order.form in ("show", "find") and rng.random() < 0.4 else ()
    return replace(order, right=(*me, attach(what, "obj")))


def _nounless(rng: Random) -> Node:
    """Texts that name nothing: "quickly running", "and the", "very red", "12"."""

    def running() -> Node:
        return verb(rng.choice(words.PRESENT_PARTICIPLES + words.RESTING), "root")

    adverb = word(rng.choice(words.ADVERBS), "ADV", "root")
    options: list[Node] = [
        running(), adverb, replace(running(), left=(replace(adverb, dep="advmod"),)),
        replace(running(), right=(replace(adverb, dep="advmod"),)), word("the", "DET", "root"),
        replace(word("the", "DET", "root"), left=(word("and", "CCONJ", "cc"),)),
        word(rng.choice(["it", "they", "them", "he", "she"]), "PRON", "root", "PRP"),
        word(rng.choice(words.NUMBERS), "NUM", "root", "CD"),
        replace(word(rng.choice(words.COLOURS), "ADJ", "root"), left=(word("very", "ADV", "advmod"),)),
        _side(rng),
    ]  # fmt: skip
    return replace(rng.choice(options), dep="root")


WRITERS: tuple[tuple[Callable[[Random], Node], float], ...] = (
    (_scene, 52), (_shapes, 15), (_label, 10), (_sentence, 10), (_request, 10), (_nounless, 3),
)  # fmt: skip

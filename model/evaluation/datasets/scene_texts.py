"""What is asked of a scene: phrases that set its objects apart, other words for them, attachments and lists. Ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from model.embedded.scene_language import PLURALS, matches
from model.embedded.scenes import Kind, Scene, Thing
from model.evaluation.datasets.examples import BACKGROUND, ClassMap, Item, Target
from model.evaluation.scenarios.questions import truth
from model.types import Mask

Words = tuple[str, ...]
NEARER = 1.5  # how many times farther the next candidate must be for "next to" to say which one is meant
HIGHER = 0.15  # least difference of centres, in shorter sides, that people call above


def known(kind: Kind) -> Words:
    """All that people say of an object; nobody says that it is plain, or of no particular size."""
    return tuple(word for word in (kind.size, kind.texture, kind.colour, kind.shape) if word and word != "plain")


def naming(rng: np.random.Generator, kind: Kind, kinds: Sequence[Kind]) -> Words:
    """The fewest words, one modifier at least, that fit what all words about an object fit and nothing else."""
    *modifiers, noun = known(kind)
    meant = [matches(each, (*modifiers, noun)) for each in kinds]
    for count in range(1, len(modifiers) + 1):
        ways = [(*said, noun) for said in combinations(modifiers, count)]
        ways = [words for words in ways if [matches(each, words) for each in kinds] == meant]
        if ways:
            return ways[int(rng.integers(len(ways)))]
    raise AssertionError("all words together fit what they fit")


def names(rng: np.random.Generator, scene: Scene) -> dict[Words, Thing]:
    """A name for each kind of object in a scene, in random order, with one object that bears it."""
    kinds = [thing.kind for thing in scene.objects]
    order = [scene.objects[int(number)] for number in rng.permutation(len(kinds))]
    bearers = {thing.kind: thing for thing in order if thing.mask.any()}
    return {naming(rng, kind, kinds): thing for kind, thing in bearers.items()}


def phrases(rng: np.random.Generator, scene: Scene) -> Iterator[Item]:
    """Each kind of object by its name, with other wordings."""
    for words in names(rng, scene):
        yield _item(scene, f"the {' '.join(words)}", words, "", paraphrases(words))


def paraphrases(words: Words) -> tuple[str, ...]:
    """Other ways to say "the red circle": no article, with a clause, with a number, in the plural, as a photo."""
    *modifiers, noun = words
    said = " ".join(words)
    article = "an" if said[0] in "aeiou" else "a"
    return (
        said,
        f"a {noun} that is {' and '.join(modifiers)}",
        f"one {said}",
        " ".join((*modifiers, PLURALS[noun])),
        f"a photo of {article} {said}",
    )


def captions(rng: np.random.Generator, scene: Scene) -> Item:
    """All objects of a scene in one text: "the red circle, the blue square and the big star"."""
    return _listed(scene, list(names(rng, scene)), "caption")


def class_map(rng: np.random.Generator, scene: Scene) -> ClassMap:
    """All objects of a scene as one class for each pixel, the objects' names as classes."""
    labels, named = np.zeros(scene.image.shape[:2], np.uint8), names(rng, scene)
    for number, words in enumerate(named, start=1):
        labels[truth(scene, words)] = number
    return ClassMap((BACKGROUND, *(" ".join(words) for words in named)), labels)


def sentences(rng: np.random.Generator, scene: Scene) -> Iterator[Item]:
    """A scene's objects in six forms: all attributes, next to, with, and, a list; a relation where one decides."""
    named = names(rng, scene)
    (one, thing), (other, anchor), *_ = named.items()
    whole = known(thing.kind)
    yield _item(scene, f"the {' '.join(whole)}", whole, "attributes")
    yield _item(scene, f"the {' '.join(one)} {_where(rng, thing, anchor)} the {' '.join(other)}", one, "attachment")
    yield _item(scene, f"the {' '.join(one)} with the {' '.join(other)}", one, "with")
    yield _listed(scene, [one, other], "and")
    yield _listed(scene, list(named)[:3], "list")
    yield from _relations(scene, named)


def _where(rng: np.random.Generator, thing: Thing, anchor: Thing) -> str:
    """A preposition that is true of two objects."""
    rise = anchor.place.y - thing.place.y
    said = ["next to", "near", "beside", *["above"] * (rise > HIGHER), *["below"] * (rise < -HIGHER)]
    return said[int(rng.integers(len(said)))]


def _relations(scene: Scene, named: dict[Words, Thing]) -> Iterator[Item]:
    """One item whose noun fits several objects, of which one is clearly the nearest to another, named object."""
    for words, anchor in named.items():
        alone = sum(matches(thing.kind, words) for thing in scene.objects) == 1
        for noun in dict.fromkeys(thing.kind.shape for thing in scene.objects):
            rivals = [thing for thing in scene.objects if thing.kind.shape == noun and thing.mask.any()]
            if not alone or noun == anchor.kind.shape or len(rivals) < 2:
                continue
            near, far, *_ = sorted(rivals, key=lambda rival: _distance(rival, anchor))
            if _distance(far, anchor) > NEARER * _distance(near, anchor):
                text = f"the {noun} next to the {' '.join(words)}"
                yield Item(text, (Target(near.mask),), (near.mask,), "relation")
                return


def _distance(one: Thing, other: Thing) -> float:
    return float(np.hypot(one.place.x - other.place.x, one.place.y - other.place.y))


def _item(scene: Scene, text: str, words: Words, form: str, wordings: tuple[str, ...] = ()) -> Item:
    return Item(text, (Target(truth(scene, words)),), _objects(scene, [words]), form, wordings)


def _listed(scene: Scene, parts: Sequence[Words], form: str) -> Item:
    """Several phrases in one text, joined by commas and a last "and", each with its characters and its objects."""
    text, targets = "", []
    for number, words in enumerate(parts):
        text += "" if number == 0 else " and " if number == len(parts) - 1 else ", "
        said = f"the {' '.join(words)}"
        targets.append(Target(truth(scene, words), (len(text), len(text) + len(said))))
        text += said
    return Item(text, tuple(targets), _objects(scene, parts), form)


def _objects(scene: Scene, parts: Sequence[Words]) -> tuple[Mask, ...]:
    """Every visible object that fits one of the phrases."""
    fitting = [thing for thing in scene.objects if any(matches(thing.kind, words) for words in parts)]
    return tuple(thing.mask for thing in fitting if thing.mask.any())

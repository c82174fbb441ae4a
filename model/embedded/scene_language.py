"""What can be said of a scene: phrases, the objects they match, and whole prompts. Ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.embedded.scenes import COLOURS, GROUNDS, SHAPES, SIZES, TEXTURES, Kind

ANY_SHAPE = ("object", "shape")
PLURALS = {shape: shape + ("es" if shape == "cross" else "s") for shape in (*SHAPES, *ANY_SHAPE)}
SINGULARS = {plural: shape for shape, plural in PLURALS.items()}
SIZE_WORDS = tuple(size for size in SIZES if size)
# Things that no scene holds: prompts about them teach the model to find nothing.
ELSEWHERE_NOUNS = (
    "dog cat horse cow sheep bird car bus truck bicycle train boat person man woman child boy girl tree flower house "
    "door window chair table cup bottle plate apple orange banana cake book phone lamp clock bag shoe hat shirt road "
    "bridge fence sign wall cloud sky sun moon mountain river snow rock leaf hand face eye wheel box bed sofa screen "
    "keyboard knife spoon fork bowl glass pen ball kite umbrella donut pizza bear elephant monkey lion mouse rabbit"
).split()
ELSEWHERE = (*ELSEWHERE_NOUNS, "brown", "pink", "grey", "tall", "old", "wooden", "running", "sitting")


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase inside a prompt, words in order, `start` of each in the prompt; `there` is whether anything matches."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    there: bool

    @property
    def text(self) -> str:
        """The phrase as it is typed, without a determiner."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text about a scene and the phrases in it."""

    text: str
    mentions: tuple[Mention, ...]


def matches(kind: Kind, words: Sequence[str]) -> bool:
    """Whether an object fits every one of `words`: shape (also in the plural), colour, texture, size."""
    said = {SINGULARS.get(word, word) for word in words}
    return said <= {kind.shape, kind.colour, kind.texture, kind.size, *ANY_SHAPE}


def phrase_of(rng: np.random.Generator, kind: Kind, colour: float = 0.75) -> tuple[str, ...]:
    """Describe an object in one to four words, as people do: mostly colour and shape, size and texture now and then.

    `colour` is the rate at which the colour is said.
    """
    noun = kind.shape if rng.random() < 0.93 else str(rng.choice(ANY_SHAPE))
    said = [kind.size] if kind.size and rng.random() < 0.4 else []
    said += [kind.texture] if rng.random() < (0.1 if kind.texture == "plain" else 0.5) else []
    said += [kind.colour] if rng.random() < colour or noun in ANY_SHAPE else []
    return (*said, noun)


def absent_phrase(rng: np.random.Generator, kinds: Sequence[Kind]) -> tuple[str, ...]:
    """A phrase that nothing in the scene matches: one word off, all new, or about another world."""
    if rng.random() < 0.2:
        colour = (str(rng.choice(list(COLOURS))),) if rng.random() < 0.3 else ()
        noun = str(rng.choice(ELSEWHERE_NOUNS)) if rng.random() < 0.5 else _invented(rng)
        return (*colour, noun)
    for _ in range(50):
        base = kinds[int(rng.integers(len(kinds)))] if rng.random() < 0.6 else _any_kind(rng)
        words = phrase_of(rng, _one_word_off(rng, base))
        if not any(matches(kind, words) for kind in kinds):
            return words
    return ("zebra",)


@dataclass(frozen=True, slots=True)
class Style:
    """How prompts are made: the rate of phrases about nothing, of colours said, and of naming every object."""

    absent: float
    colour: float
    all_named: float


def prompt(rng: np.random.Generator, kinds: Sequence[Kind], ground: str, style: Style) -> Prompt:
    """A prompt in one of the forms that annotators and the engine use."""
    form = rng.random()
    if form < 0.25:
        return _assemble([("", _pick(rng, kinds, style))], kinds, ground)
    phrases = [phrase_of(rng, kind, style.colour) for kind in rng.permutation(np.array(kinds, object))]
    named = len(phrases) if rng.random() < style.all_named else int(rng.integers(1, len(phrases) + 1))
    phrases = [absent_phrase(rng, kinds) if rng.random() < style.absent else words for words in phrases[:named]]
    if rng.random() < style.absent:
        phrases.append(absent_phrase(rng, kinds))
    return _assemble(_sentence(rng, phrases, ground, template=form > 0.75), kinds, ground)


def _pick(rng: np.random.Generator, kinds: Sequence[Kind], style: Style) -> tuple[str, ...]:
    if rng.random() < style.absent:
        return absent_phrase(rng, kinds)
    if rng.random() < 0.08:
        return (str(rng.choice(list(GROUNDS))),)
    words = phrase_of(rng, kinds[int(rng.integers(len(kinds)))], style.colour)
    return (*words[:-1], PLURALS[words[-1]]) if rng.random() < 0.2 else words


def _sentence(
    rng: np.random.Generator, phrases: list[tuple[str, ...]], ground: str, template: bool
) -> list[tuple[str, tuple[str, ...]]]:
    """Pairs of (words before, phrase) that make up a caption, or iSeg's template for lists of names."""
    said: list[tuple[str, tuple[str, ...]]] = []
    for number, words in enumerate(phrases):
        link = (
            " and "
            if template or number == len(phrases) - 1
            else str(rng.choice([", ", " and ", " next to ", " with "]))
        )
        said.append(((link if number else "a photograph of " if template else "") + ("" if template else "a "), words))
    if template:
        return [*said, (" and other objects and background", ())]
    if rng.random() < 0.5:
        name = ground if rng.random() < 0.9 else str(rng.choice(list(GROUNDS)))
        said.append((str(rng.choice([" on ", " on the "])), (name,)))
    return said


def _assemble(said: list[tuple[str, tuple[str, ...]]], kinds: Sequence[Kind], ground: str) -> Prompt:
    text, mentions = "", []
    for before, words in said:
        text += before
        starts = []
        for word in words:
            starts.append(len(text))
            text += word + " "
        text = text.rstrip(" ") if words else text
        if words:
            there = any(matches(kind, words) for kind in kinds) or words == (ground,)
            mentions.append(Mention(words, tuple(starts), there))
    return Prompt(text, tuple(mentions))


def _invented(rng: np.random.Generator) -> str:
    """A word that nobody knows, of two or three syllables: such a word means nothing in the picture."""
    return "".join(
        str(rng.choice(list("bdfgklmnprstvz"))) + str(rng.choice(list("aeiou"))) for _ in range(int(rng.integers(2, 4)))
    ) + str(rng.choice(["", "l", "n", "r", "p"]))


def _any_kind(rng: np.random.Generator) -> Kind:
    return Kind(
        str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS))), str(rng.choice(TEXTURES)), str(rng.choice(list(SIZES)))
    )


def _one_word_off(rng: np.random.Generator, kind: Kind) -> Kind:
    other, which = _any_kind(rng), rng.random()
    if which < 0.45:
        return Kind(other.shape, kind.colour, kind.texture, kind.size)
    if which < 0.9:
        return Kind(kind.shape, other.colour, kind.texture, kind.size)
    return Kind(kind.shape, kind.colour, other.texture, kind.size)

"""From clauses to the texts that the backbone reads, and back to the tokens of each phrase."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from model.errors import BadQuery
from model.protocols import Backbone, Parser
from model.text.normalize import sentence, spoken
from model.text.token_spans import tokens_of
from model.types import Clause, Lesson, Phrase, Tokens

QUOTED = 60  # characters of a text that a message repeats


@dataclass(frozen=True, slots=True)
class Sought:
    """A phrase to find: the clause it stands in, and the tokens of its noun and of each modifier.

    attached: the tokens of each word of the phrases that only describe this one ("in a blue sweatshirt").
    owners: which of the text's phrases that are asked for this one describes, as "glasses" does a man who wears them.
    lesson: what the project taught about the clause's label.
    """

    phrase: Phrase
    clause: int
    noun: tuple[int, ...]
    modifiers: tuple[tuple[int, ...], ...]
    attached: tuple[tuple[int, ...], ...] = ()
    owners: tuple[int, ...] = ()
    lesson: Lesson | None = None

    @property
    def words(self) -> tuple[tuple[int, ...], ...]:
        """The tokens of every content word, the noun first."""
        return (self.noun, *self.modifiers)


@dataclass(frozen=True, slots=True)
class Wording:
    """One text for the backbone and the phrases to read out of it.

    context: what the text names without asking for it ("on the grass"), with all that describes it.
    """

    tokens: Tokens
    sought: tuple[Sought, ...]
    context: tuple[Sought, ...] = ()


def phrases_of(clause: Clause, parser: Parser) -> tuple[Phrase, ...]:
    """The phrases of a clause; those that hang off others ("on the grass") are not asked for.

    Raises BadQuery for a text without a noun and without a verb.
    """
    if clause.name:
        return (parser.name_phrase(clause.text),)
    phrases = parser.phrases(clause.text)
    if all(phrase.parent is not None for phrase in phrases):
        raise BadQuery(f"no thing to look for in {quoted(clause.text)}: name one, for example 'the brown dog'")
    return phrases


def quoted(text: str) -> str:
    """The beginning of a text in quotes, for a message."""
    return f"'{text if len(text) <= QUOTED else text[: QUOTED - 3] + '...'}'"


def normalised(clause: Clause, known: Container[str]) -> Clause:
    """The clause in words that parser and text encoder read alike; `known` are the text encoder's whole words."""
    text = (spoken if clause.name else sentence)(clause.text, known)
    return clause if text == clause.text else replace(clause, text=text)


def word(clauses: Sequence[Clause], parser: Parser, backbone: Backbone, template: str) -> tuple[Wording, ...]:
    """Put each clause into iSeg's template, one text for each.

    iSeg joins all class names in one text. Asked together they compete for attention, so that the evidence for one
    depends on how many others are asked for; alone, it means the same each time (ours).
    Raises BadQuery for an empty text, a text without a noun or a verb, and a clause longer than the text encoder reads.
    """
    return tuple(_wording(number, clause, parser, backbone, template) for number, clause in enumerate(clauses))


def word_what_can_be(
    clauses: Sequence[Clause], parser: Parser, backbone: Backbone, template: str
) -> tuple[tuple[Wording, ...], tuple[str, ...]]:
    """As `word`, but a clause that cannot be looked for costs itself alone: why, in words for an annotator."""
    wordings: list[Wording] = []
    left_out: list[str] = []
    for number, clause in enumerate(clauses):
        try:
            wordings.append(_wording(number, clause, parser, backbone, template))
        except BadQuery as error:
            left_out.append(str(error))
    return tuple(wordings), tuple(dict.fromkeys(left_out))


def _wording(number: int, clause: Clause, parser: Parser, backbone: Backbone, template: str) -> Wording:
    if not clause.text.strip():
        raise BadQuery("the text is empty: type what to look for, for example 'the brown dog'")
    phrases = phrases_of(clause, parser)
    before, after = template.split("{}")
    tokens = backbone.tokenize(before + clause.text + after)
    if not read_whole(tokens):
        raise BadQuery(too_long(clause.text, backbone))
    targets = [at for at, phrase in enumerate(phrases) if phrase.parent is None]
    heads = sorted({_head(phrases, at) for at in range(len(phrases))} - set(targets))
    every = [replace(read(tokens, phrase, number, len(before)), lesson=clause.lesson) for phrase in phrases]
    return Wording(
        tokens,
        tuple(_gathered(every, at, targets) for at in targets),
        tuple(_gathered(every, at, targets) for at in heads),
    )


def too_long(text: str, backbone: Backbone) -> str:
    """Tell that the text encoder cannot read a text to its end."""
    most = backbone.max_tokens - 12
    return (
        f"{quoted(text)} is too long: the model reads about {most} known words at once; shorten it or part it with ';'"
    )


def read_whole(tokens: Tokens) -> bool:
    """Whether the text encoder reads a text to its end."""
    return any(span and span[1] == len(tokens.text) for span in tokens.spans)


def read(tokens: Tokens, phrase: Phrase, clause: int, offset: int) -> Sought:
    """A phrase's tokens; `offset` is where the phrase's text starts in the tokens' text."""
    noun = tokens_of(tokens, phrase.noun, offset)
    modifiers = tuple(tokens_of(tokens, modifier, offset) for modifier in phrase.modifiers)
    return Sought(phrase, clause, noun, tuple(pieces for pieces in modifiers if pieces))


def _gathered(every: Sequence[Sought], at: int, targets: Sequence[int]) -> Sought:
    """A phrase with the words of the phrases that describe it, and with those among the targets that it describes."""
    phrases = [each.phrase for each in every]
    traits = [other for other in range(len(every)) if other != at and _head(phrases, other) == at]
    owners = tuple(targets.index(owner) for owner in _described(phrases, at) if owner in targets and owner != at)
    attached = tuple(pieces for trait in traits for pieces in every[trait].words)
    return replace(every[at], attached=attached, owners=owners)


def _head(phrases: Sequence[Phrase], at: int) -> int:
    """The phrase whose words a phrase's own words join: what it describes where nobody asks for it, else itself."""
    chain = [at, *_described(phrases, at)]
    return next((each for each in chain if phrases[each].parent is None), chain[-1])


def _described(phrases: Sequence[Phrase], at: int) -> tuple[int, ...]:
    """What a phrase describes, what that describes, and so on; a circle is gone round once."""
    chain: list[int] = []
    following = phrases[at].trait_of
    while following is not None and following not in chain:
        chain.append(following)
        following = phrases[following].trait_of
    return tuple(chain)

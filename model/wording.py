"""From clauses to the texts that the backbone reads, and back to the tokens of each phrase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.alignment import tokens_of
from model.errors import BadQuery
from model.ports import Backbone, Parser
from model.values import Clause, Phrase, Tokens


@dataclass(frozen=True, slots=True)
class Sought:
    """A phrase to find: the clause it stands in, and the tokens of its noun and of each modifier."""

    phrase: Phrase
    clause: int
    noun: tuple[int, ...]
    modifiers: tuple[tuple[int, ...], ...]

    @property
    def words(self) -> tuple[tuple[int, ...], ...]:
        """The tokens of every content word, the noun first."""
        return (self.noun, *self.modifiers)


@dataclass(frozen=True, slots=True)
class Wording:
    """One text for the backbone and the phrases to read out of it."""

    tokens: Tokens
    sought: tuple[Sought, ...]


def phrases_of(clause: Clause, parser: Parser) -> tuple[Phrase, ...]:
    """The phrases a clause asks for; those that hang off others ("on the grass") only say where.

    Raises BadQuery for a text without a noun.
    """
    if clause.name:
        return (parser.name_phrase(clause.text),)
    phrases = tuple(phrase for phrase in parser.phrases(clause.text) if phrase.parent is None)
    if not phrases:
        shown = clause.text if len(clause.text) <= 60 else clause.text[:57] + "..."
        raise BadQuery(f"no thing to look for in '{shown}': name one, for example 'the brown dog'")
    return phrases


def word(clauses: Sequence[Clause], parser: Parser, backbone: Backbone, template: str) -> tuple[Wording, ...]:
    """Put each clause into iSeg's template, one text for each.

    iSeg joins all class names in one text. Asked together they compete for attention, so that the evidence for one
    depends on how many others are asked for; alone, it means the same each time (ours).
    Raises BadQuery for an empty text, a text without a noun, and a clause longer than the text encoder reads.
    """
    return tuple(_wording(number, clause, parser, backbone, template) for number, clause in enumerate(clauses))


def _wording(number: int, clause: Clause, parser: Parser, backbone: Backbone, template: str) -> Wording:
    if not clause.text.strip():
        raise BadQuery("the text is empty: type what to look for, for example 'the brown dog'")
    phrases = phrases_of(clause, parser)
    before, after = template.split("{}")
    tokens = backbone.tokenize(before + clause.text + after)
    if not any(span and span[1] == len(tokens.text) for span in tokens.spans):
        raise BadQuery(
            f"the text is too long: the model reads about {backbone.max_tokens - 12} words at once; "
            "shorten it, or part it with ';'"
        )
    return Wording(tokens, tuple(_sought(tokens, phrase, number, len(before)) for phrase in phrases))


def _sought(tokens: Tokens, phrase: Phrase, clause: int, offset: int) -> Sought:
    noun = tokens_of(tokens, phrase.noun, offset)
    modifiers = tuple(tokens_of(tokens, modifier, offset) for modifier in phrase.modifiers)
    return Sought(phrase, clause, noun, tuple(pieces for pieces in modifiers if pieces))

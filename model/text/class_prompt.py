"""A list of classes as one text for the backbone, in which they compete for attention (iSeg's prompt)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model.errors import BadQuery
from model.grounding.features import BACKGROUND
from model.protocols import Backbone, Parser
from model.text.prompt_text import Sought, Wording, read, read_whole, too_long
from model.types import Clause, Tokens


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """A class list, checked: names without blanks around them, in order.

    "background" is label 0 and no class: it is left out. Raises BadQuery for a list without any class, an empty name,
    and a name that is there twice; capitals make no difference, the text encoders drop them.
    """
    tidy = [" ".join(name.split()) for name in names]
    if "" in tidy:
        raise BadQuery(f"class {tidy.index('') + 1} of the list is empty: give it a name, or take it out")
    lowered = [name.lower() for name in tidy]
    twice = next((name for at, name in enumerate(tidy) if lowered[at] in lowered[:at]), None)
    if twice is not None:
        raise BadQuery(f"the class '{twice}' is in the list twice: name it once")
    classes = tuple(name for name in tidy if name.lower() != BACKGROUND)
    if not classes:
        raise BadQuery("the list has no class: name at least one, for example 'dog'")
    return classes


def class_wording(names: Sequence[str], parser: Parser, backbone: Backbone, template: str) -> Wording:
    """All classes in one text: "a photograph of A and B and other objects and background" (iSeg).

    `names` as `class_names` gives them; each is read as one noun phrase and is one phrase of the wording, in order.
    Raises BadQuery for a list that is longer than the text encoder reads, and for a name that it cannot read at all.
    """
    tokens = _tokens(names, backbone, template)
    if not read_whole(tokens):
        most = next((n for n in range(len(names) - 1, 0, -1) if read_whole(_tokens(names[:n], backbone, template))), 0)
        told = f"at most the first {most} of the {len(names)} classes fit" if most else f"'{names[0]}' does not fit"
        raise BadQuery(f"the class list is too long for the text encoder ({backbone.max_tokens} pieces): {told}")
    start, sought = template.index("{}"), []
    for number, name in enumerate(names):
        sought.append(_sought(tokens, name, (number, start), parser))
        start += len(name) + len(" and ")
    return Wording(tokens, tuple(sought))


def joint_wordings(
    clauses: Sequence[Clause], parser: Parser, backbone: Backbone, template: str
) -> tuple[tuple[Wording, ...], tuple[str, ...]]:
    """Names in as few texts as the encoder reads, in order, and why some cannot be looked for (ours).

    Each phrase's clause is its name's number.
    """
    numbers = [at for at, clause in enumerate(clauses) if read_whole(_tokens([clause.text], backbone, template))]
    left_out = tuple(too_long(clause.text, backbone) for at, clause in enumerate(clauses) if at not in set(numbers))
    wordings: list[Wording] = []
    first = 0
    while first < len(numbers):
        last = first + _fitting([clauses[at].text for at in numbers[first:]], backbone, template)
        wording = class_wording([clauses[at].text for at in numbers[first:last]], parser, backbone, template)
        placed = [replace(each, clause=numbers[first + each.clause]) for each in wording.sought]
        sought = tuple(replace(each, lesson=clauses[each.clause].lesson) for each in placed)
        wordings.append(replace(wording, sought=sought))
        first = last
    return tuple(wordings), left_out


def _fitting(names: Sequence[str], backbone: Backbone, template: str) -> int:
    """How many of the names, the first ones, fit into one text; each fits alone."""
    return next(n for n in range(len(names), 0, -1) if n == 1 or read_whole(_tokens(names[:n], backbone, template)))


def _tokens(names: Sequence[str], backbone: Backbone, template: str) -> Tokens:
    before, after = template.split("{}")
    return backbone.tokenize(before + " and ".join(names) + after)


def _sought(tokens: Tokens, name: str, place: tuple[int, int], parser: Parser) -> Sought:
    """A class as a phrase; `place` is its number and where its name starts in the text."""
    sought = read(tokens, parser.name_phrase(name), *place)
    if not sought.noun:
        raise BadQuery(f"the text encoder cannot read the class '{name}': use another word for it")
    return sought

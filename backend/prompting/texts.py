"""What an annotator typed -> clauses, each with the label it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.label_config import Label, LabelConfig
from backend.prompting.hints import Item, id_of, value_of
from model.errors import BadQuery
from model.values import Clause

MAX_WORDS = 200
WHAT_TO_TYPE = "type what to look for, for example: the brown dog"


@dataclass(frozen=True, slots=True)
class Text:
    """A text prompt: the id of its item in the editor, what was typed, and its clauses.

    `labels` has one entry for each clause: the label that it was written for, if any.
    """

    id: str
    typed: str
    clauses: tuple[Clause, ...]
    labels: tuple[str | None, ...]

    def about(self, label: str | None) -> Text | None:
        """The clauses that may speak of an object with this label; None where none does."""
        pairs = zip(self.clauses, self.labels, strict=True)
        kept = [(clause, own) for clause, own in pairs if label is None or own in (None, label)]
        if not kept:
            return None
        return Text(self.id, self.typed, tuple(clause for clause, _ in kept), tuple(own for _, own in kept))


def read_text(items: Sequence[Item], config: LabelConfig) -> Text | None:
    """The text of these TextArea items; None without any. Raises BadQuery for an empty or an endless one."""
    if not items:
        return None
    typed = "\n".join(_latest(item) for item in items)
    asked = clauses_of(typed, config)
    if not asked:
        raise BadQuery(WHAT_TO_TYPE)
    return Text(id_of(items[-1]), typed, tuple(clause for clause, _ in asked), tuple(label for _, label in asked))


def _latest(item: Item) -> str:
    """The text of a TextArea: without maxSubmissions="1" it keeps every submission, and the last one is meant."""
    text = value_of(item).get("text")
    entries = [text] if isinstance(text, str) else text if isinstance(text, list) else []
    latest = entries[-1] if entries else ""
    if not isinstance(latest, str) or not latest.strip():
        raise BadQuery(WHAT_TO_TYPE)
    return latest.strip()


def clauses_of(text: str, config: LabelConfig) -> list[tuple[Clause, str | None]]:
    """Cut "Dog: the brown dog; Cat" at semicolons and line ends into clauses, each with the label it names."""
    words = len(text.split())
    if words > MAX_WORDS:
        raise BadQuery(f"the text has {words} words; ask for less at once, {MAX_WORDS} words at most")
    pieces = [piece.strip() for piece in re.split(r"[;\n]", text)]
    return [_clause(piece, config) for piece in pieces if piece]


def _clause(piece: str, config: LabelConfig) -> tuple[Clause, str | None]:
    """One clause. What stands before a colon is a label only if the config has that label, else it is text."""
    before, colon, after = piece.partition(":")
    label = config.label_called(before) if colon else None
    if label is None:
        return _plain_clause(piece, config.label_called(piece))
    description = after.strip()
    own_name = not description or label.is_called(description)
    return Clause(description or before.strip(), name=own_name), label.value


def _plain_clause(piece: str, label: Label | None) -> tuple[Clause, str | None]:
    return Clause(piece, name=label is not None), None if label is None else label.value

"""What an annotator typed -> clauses, each with the label it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.labelstudio.label_config import Label, LabelConfig
from backend.labelstudio.label_names import spoken_names
from backend.prompting.hints import Item, id_of, value_of
from model.errors import BadQuery
from model.text.normalize import clean
from model.types import Clause

MAX_WORDS = 200
WHAT_TO_TYPE = "type what to look for, for example: the brown dog"


@dataclass(frozen=True, slots=True)
class Text:
    """A text prompt: the id of its item in the editor, what was typed, and its clauses."""

    id: str
    typed: str
    clauses: tuple[Clause, ...]

    def about(self, label: str | None) -> Text | None:
        """The clauses that may speak of an object with this label; None where none does."""
        kept = tuple(clause for clause in self.clauses if label is None or clause.label in (None, label))
        return replace(self, clauses=kept) if kept else None


def read_text(items: Sequence[Item], config: LabelConfig) -> Text | None:
    """The text of these TextArea items; None without any. Raises BadQuery for an empty or an endless one."""
    if not items:
        return None
    typed = "\n".join(_latest(item) for item in items)
    clauses = clauses_of(typed, config)
    if not clauses:
        raise BadQuery(WHAT_TO_TYPE)
    return Text(id_of(items[-1]), typed, tuple(clauses))


def _latest(item: Item) -> str:
    """The text of a TextArea: without maxSubmissions="1" it keeps every submission, and the last one is meant."""
    text = value_of(item).get("text")
    entries = [text] if isinstance(text, str) else text if isinstance(text, list) else []
    latest = entries[-1] if entries else ""
    if not isinstance(latest, str) or not clean(latest).strip():
        raise BadQuery(WHAT_TO_TYPE)
    return latest.strip()


def clauses_of(text: str, config: LabelConfig) -> list[Clause]:
    """Cut "Dog: the brown dog; Cat" at semicolons and line ends into clauses, each with the label it names.

    The text is cleaned before it is cut: a full-width semicolon is one. A label's own semicolon does not cut.
    """
    words = len(text.split())
    if words > MAX_WORDS:
        raise BadQuery(f"the text has {words} words; ask for less at once, {MAX_WORDS} words at most")
    pieces = [found.group().strip() for found in config.index.pieces.finditer(clean(text))]
    return [clause for piece in pieces if piece for clause in _clauses(piece, config)]


def _clauses(piece: str, config: LabelConfig) -> list[Clause]:
    """One clause, or one for each name in a label's name ("car/truck").

    What stands before a colon is a label only if the config has that label, else it is text.
    Labels may hold colons themselves, so the longest one that stands before a colon is meant.
    """
    whole = config.label_called(piece)
    if whole is not None:
        return _named(piece, whole)
    colons = [found.start() for found in re.finditer(":", piece[: config.index.longest + 1])]
    named = ((config.label_called(piece[:at]), piece[:at], piece[at + 1 :].strip()) for at in reversed(colons))
    label, called, description = next((each for each in named if each[0] is not None), (None, "", ""))
    if label is None:
        return [Clause(piece)]
    if not description or config.label_called(description) is label:
        return _named(description or called, label)
    return [Clause(description, label=label.value)]


def _named(called: str, label: Label) -> list[Clause]:
    """What to look for where a label's name was typed: "class: circle" asks for the circle."""
    return [Clause(name, name=True, label=label.value) for name in spoken_names(called)]

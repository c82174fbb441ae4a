"""The labels of a config by all that they may be called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from backend.labelstudio.label_names import name_key, without_article
from model.text.normalize import clean

if TYPE_CHECKING:
    from backend.labelstudio.label_config import Label

MARKS_BESIDE = 8  # characters; an article before a name and marks after it may make a text longer than the name


@dataclass(frozen=True, slots=True)
class LabelIndex:
    """`exact` has the names as they are written, `keys` what they are compared by; the first label with one has it.

    `longest` is how long a text may be to name a label; `pieces` finds what stands between semicolons, line ends apart:
    a name's own semicolon does not cut.
    """

    exact: Mapping[str, Label]
    keys: Mapping[str, Label]
    longest: int
    pieces: re.Pattern[str]

    def called(self, text: str) -> Label | None:
        """The label with this name: as it is written, else in other letters or marks."""
        if text in self.exact:
            return self.exact[text]
        return self.keys.get(name_key(text)) if len(text) <= self.longest else None


@lru_cache(maxsize=64)
def index_of(labels: tuple[Label, ...]) -> LabelIndex:
    """The index of these labels; it is made once, as texts of many clauses ask it for each."""
    named = [(name, label) for label in reversed(labels) for name in label.names]
    shorter = {name_key(without_article(name)): label for name, label in named}
    keys = {**shorter, **{name_key(name): label for name, label in named}}
    plain = [clean(name) for name, _ in named]
    own = sorted((name for name in plain if ";" in name), key=len, reverse=True)
    uncut = "|".join([*(rf"(?<!\w){re.escape(name)}(?!\w)" for name in own), r"[^;\n]"])
    return LabelIndex(
        exact=dict(named),
        keys=keys,
        longest=max(map(len, plain), default=0) + MARKS_BESIDE,
        pieces=re.compile(f"(?:{uncut})+", re.IGNORECASE),
    )

"""What a lesson says: its parts, its name by content, and itself in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from model.config import EngineConfig
from model.types import Lesson

NOTHING = Lesson("")
KEY_BYTES = 8


def text_of(lesson: Lesson) -> str:
    """All that decides what the backbone reads: phrases, embeddings and their factor. Equal for what reads alike."""
    factor = lesson.changes.get("attention", {})
    return json.dumps([lesson.phrases, sorted(factor.items()), _words(lesson)])


def content_of(lesson: Lesson) -> str:
    """All that a lesson says, as a text that is the same for the same content."""
    changes = {section: dict(sorted(values.items())) for section, values in sorted(lesson.changes.items()) if values}
    return json.dumps([lesson.phrases, changes, lesson.separate, _words(lesson)])


def named(lesson: Lesson) -> Lesson:
    """The lesson with the key that its content gives; a lesson that says nothing has an empty key."""
    if content_of(lesson) == content_of(NOTHING):
        return NOTHING
    return replace(lesson, key=hashlib.blake2b(content_of(lesson).encode(), digest_size=KEY_BYTES).hexdigest())


def changed(lesson: Lesson, section: str, name: str, value: Any, config: EngineConfig) -> Lesson:
    """The lesson with one constant changed; what holds without it (`config`) is not said."""
    values = {key: old for key, old in lesson.changes.get(section, {}).items() if key != name}
    if value != getattr(getattr(config, section), name):
        values[name] = value
    changes = {**lesson.changes, section: values}
    return replace(lesson, changes={key: each for key, each in changes.items() if each})


def in_words(before: Lesson, after: Lesson, config: EngineConfig) -> tuple[str, ...]:
    """What is new in a lesson against another one, for a person; `config`: what holds without any lesson."""
    told = []
    if after.phrases != before.phrases:
        told.append(
            "asked as " + ", ".join(f"'{phrase}'" for phrase in after.phrases)
            if after.phrases
            else "asked by its names"
        )
    if after.separate != before.separate and after.separate is not None:
        told.append("one region for each object" if after.separate else "one region for all objects together")
    if _words(after) != _words(before):
        told.append("embeddings of " + ", ".join(f"'{word}'" for word in after.embeddings))
    return (*told, *_constants(before.changes, after.changes, config))


def _constants(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], config: EngineConfig
) -> Iterator[str]:
    touched = [(section, name) for changes in (after, before) for section in changes for name in changes[section]]
    for section, name in dict.fromkeys(touched):
        plain = getattr(getattr(config, section), name)
        old, new = (changes.get(section, {}).get(name, plain) for changes in (before, after))
        if new != old:
            yield _said(section, name, old, new)


def _said(section: str, name: str, old: Any, new: Any) -> str:
    match section, name:
        case "finish", "fill_holes":
            return "holes are filled" if new else "holes stay"
        case "finish", "margin":
            way = "outwards" if new > old else "inwards"
            return f"borders are moved {way} ({new:+.3g} of the object's side, was {old:+.3g})"
        case "finish", "smoothing":
            return f"outlines are smoothed ({new:g} of the object's side, was {old:g})"
        case "selection", "granularity":
            return "the mask that agrees best" if new is None else f"always the {GRAINS[new]} of three masks"
    return f"{NAMES.get(name, f'{section}.{name}')} {new:g} (was {old:g})"


GRAINS = ("smallest", "middle", "largest")
NAMES = {
    "threshold": "threshold of the map",
    "presence": "least evidence",
    "enhancement": "weight of the words (Cat-Cross)",
    "entropy_factor": "entropy factor",
}


def _words(lesson: Lesson) -> list[tuple[str, str]]:
    digests = {word: hashlib.blake2b(rows.tobytes(), digest_size=KEY_BYTES) for word, rows in lesson.embeddings.items()}
    return sorted((word, digest.hexdigest()) for word, digest in digests.items())

"""Lessons <-> bytes for the database: settings and phrases as JSON, embeddings as the numbers they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from model.errors import Misconfigured
from model.types import Lesson

FORMAT = 1
HEAD = "lessons"  # the array that holds the JSON: safetensors has room for texts, but gives them back from files only
CHECK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Learned:
    """What a revision holds: lessons by label, and the `models` that they were learned with, in words."""

    models: str
    lessons: Mapping[str, Lesson]


def encode(learned: Learned) -> bytes:
    """The lessons as bytes: a checksum, then the safetensors format. The same lessons give the same bytes.

    Embeddings are kept as float32: a revision answers with what it was judged by. Three tokens of 768 numbers take
    9 KB. Raises ValueError for a constant that JSON cannot hold.
    """
    labels = sorted(learned.lessons)
    head = {
        "format": FORMAT,
        "models": learned.models,
        "lessons": [_described(label, learned.lessons[label]) for label in labels],
    }
    arrays = {name: array for at, label in enumerate(labels) for name, array in _arrays(at, learned.lessons[label])}
    text = json.dumps(head, allow_nan=False).encode()
    body = save({HEAD: np.frombuffer(text, np.uint8), **arrays})
    return _checksum(body) + body


def decode(data: bytes) -> Learned:
    """The lessons again. Raises Misconfigured for bytes that are damaged, or of another version's format."""
    body = data[CHECK_BYTES:]
    if _checksum(body) != data[:CHECK_BYTES]:
        raise Misconfigured("what was learned cannot be read, it is damaged: roll back to another revision, or reset")
    arrays = load(body)
    head = json.loads(arrays.pop(HEAD).tobytes())
    if head["format"] != FORMAT:
        raise Misconfigured(f"what was learned has format {head['format']}, and this version reads {FORMAT}: update")
    return Learned(
        head["models"], {each["label"]: _lesson(at, each, arrays) for at, each in enumerate(head["lessons"])}
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECK_BYTES).digest()


def _described(label: str, lesson: Lesson) -> dict[str, Any]:
    return {
        "label": label,
        "key": lesson.key,
        "phrases": lesson.phrases,
        "changes": {section: dict(values) for section, values in lesson.changes.items()},
        "words": list(lesson.embeddings),
        "separate": lesson.separate,
    }


def _arrays(at: int, lesson: Lesson) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for number, array in enumerate(lesson.embeddings.values()):
        yield f"{at}.{number}", np.ascontiguousarray(array, np.float32)


def _lesson(at: int, head: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]]) -> Lesson:
    return Lesson(
        key=head["key"],
        phrases=tuple(head["phrases"]),
        changes={section: _constants(values) for section, values in head["changes"].items()},
        embeddings={word: arrays[f"{at}.{number}"] for number, word in enumerate(head["words"])},
        separate=head["separate"],
    )


def _constants(values: Mapping[str, Any]) -> dict[str, Any]:
    """Constants by name; JSON has no tuples, the configuration no lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

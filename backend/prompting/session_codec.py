"""Sessions <-> bytes for the database: values as JSON, masks and logits as the numbers they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from backend.prompting.fusion import Session
from backend.prompting.marks import Mark
from backend.prompting.prompts import Prompts
from backend.prompting.refining import Found, RefinedRegion
from backend.prompting.task_key import digest
from backend.prompting.texts import Text
from model.types import Box, Clause, Hint, Point, Stroke

KINDS: Mapping[str, Any] = {
    **{kind.__name__: kind for kind in (Prompts, Text, Clause, Mark, Point, Box, Stroke, Hint, Found)},
    "Refined": RefinedRegion,  # its name in the sessions that are stored
}
NAMES: Mapping[Any, str] = {kind: name for name, kind in KINDS.items()}
FORM = digest(repr([(name, [field.name for field in fields(kind)]) for name, kind in KINDS.items()]))
HEAD = "values"  # the array that holds the JSON

Arrays = dict[str, NDArray[Any]]


def asked(session: Session) -> bytes:
    """What was asked of a session: a few kilobytes, unless somebody brushed at length."""
    return _packed(session.size, session.prompts, session.user, session.shown)


def answered(session: Session) -> bytes:
    """What it was answered. A click keeps SAM's logits before and after it: 36 KB each, or 262 KB in the full size."""
    return _packed(_typed(session), session.sent, session.found, session.regions, session.refined)


def session(number: str, asked: bytes, answered: bytes | None) -> Session | None:
    """The session again, its counts aside; None where another version of this code wrote it."""
    form, *told = _unpacked(asked)
    if form != FORM:
        return None
    size, prompts, user, shown = told
    made = Session(number, size, prompts, user, shown)
    return made if answered is None else _with_answer(made, *_unpacked(answered))


def _with_answer(session: Session, form: str, typed: str, *answer: Any) -> Session:
    if form != FORM:
        return session
    sent, found, regions, refined = answer
    valid = found if typed == _typed(session) else ()  # else another text was typed since then
    return replace(session, sent=sent, found=valid, regions=regions, refined=refined)


def _typed(session: Session) -> str:
    return "" if session.prompts.text is None else session.prompts.text.typed


def _packed(*values: Any) -> bytes:
    arrays: Arrays = {}
    text = json.dumps(_plain((FORM, *values), arrays), allow_nan=False).encode()
    return save({HEAD: np.frombuffer(text, np.uint8), **arrays})


def _unpacked(data: bytes) -> tuple[Any, ...]:
    arrays = load(data)
    values: tuple[Any, ...] = _value(json.loads(arrays[HEAD].tobytes()), arrays)
    return values


def _plain(value: Any, arrays: Arrays) -> Any:
    """A value as JSON takes it; arrays go aside under a name."""
    if isinstance(value, tuple):
        return [_plain(each, arrays) for each in value]
    if isinstance(value, np.ndarray):
        arrays[name := str(len(arrays))] = np.ascontiguousarray(value)
        return {"array": name}
    if isinstance(value, frozenset):
        return {"set": sorted(value)}
    if isinstance(value, Mapping):
        return {"map": {name: _plain(each, arrays) for name, each in value.items()}}
    if is_dataclass(value):
        own = {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
        return {NAMES[type(value)]: own}
    return value


def _value(plain: Any, arrays: Arrays) -> Any:
    if isinstance(plain, list):
        return tuple(_value(each, arrays) for each in plain)
    if not isinstance(plain, dict):
        return plain
    [(kind, of)] = plain.items()
    if kind == "array":
        return arrays[of]
    if kind == "set":
        return frozenset(of)
    own = {name: _value(each, arrays) for name, each in of.items()}
    return own if kind == "map" else KINDS[kind](**own)

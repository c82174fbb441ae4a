"""Lines of the log as text or JSON: each says which request, project and task it is about, and secrets are cut out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backend.settings import Settings

Fields = Mapping[str, str | int | float]

HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")
PASSWORD = re.compile(r"://[^:/@]*:([^@]*)@")  # in an address
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHORTEST_SECRET = 6  # characters; a shorter password would be cut out of words, and so be told
CUT = tuple(
    (re.compile(pattern), left)
    for pattern, left in (
        (r"\bdata:[^\s'\"]+", "data:..."),  # a picture
        (r"://[^/\s'\"@]*@", "://...@"),  # user and password
        (r"\?[^\s'\"]+", "?..."),  # an address' query, where signatures stand
        (r"(/webhook/)(?!<)[^\s'\"]+", r"\1..."),  # the secret, but not the route's name
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "..."),  # a JSON web token
        (r"[\w.+-]+@[\w-]+\.[\w.-]+", "...@..."),
    )
)

_about: ContextVar[Fields] = ContextVar("about", default={})  # noqa: B039  (it is never changed in place)


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Say what every line is about that is written in the block, also by threads that run in a copy of its context."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def note(**fields: str) -> None:
    """Say more of what the lines are about, until the block of `about` ends."""
    _about.set({**_about.get(), **fields})


def fields() -> Fields:
    """What lines are about here and now."""
    return _about.get()


def harmless(name: object, otherwise: str = "?") -> str:
    """The name of a thing that came from outside, if it is one: short, and of characters that ids consist of."""
    return str(name) if HARMLESS.fullmatch(str(name)) else otherwise


def config(settings: Settings) -> dict[str, Any]:
    """What `logging.config.dictConfig` takes, and gunicorn's `logconfig_dict`.

    Other people's loggers tell warnings and errors only: below that urllib3 tells every address with its query, Pillow
    where a photograph was taken, and alembic and torch nothing that an operator needs.
    """
    line, level = JsonLines if settings.log_format == "json" else TextLines, settings.log_level
    secrets = _secrets(settings)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": lambda: line(secrets)}},  # a function, as gunicorn prints its settings
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "ERROR" if level == "ERROR" else "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "backend": {"level": level},
            "model": {"level": level},
            "gunicorn.error": {"level": "INFO" if level == "DEBUG" else level, "handlers": [], "propagate": True},
        },
    }


def _secrets(settings: Settings) -> tuple[str, ...]:
    """The longest first: one may be the beginning of another."""
    passwords = PASSWORD.findall(settings.database)
    chosen = (settings.label_studio_api_key, settings.webhook_secret, settings.basic_auth_password, *passwords)
    return tuple(sorted((each for each in chosen if len(each) >= SHORTEST_SECRET), key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A message with fields, to be logged in place of a text; who formats lines otherwise than we do sees them, too."""

    what: str
    fields: Fields

    def __str__(self) -> str:
        return " ".join([self.what, *_pairs(self.fields)])


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a record says, secrets cut out; `traceback` is an exception's, empty without one."""

    time: str  # ISO 8601, UTC
    message: str
    fields: Fields
    traceback: str


class _Lines(logging.Formatter):
    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._secrets = secrets

    def line(self, record: logging.LogRecord) -> LogLine:
        """What a record says, with what is known of the request."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = record.msg if isinstance(record.msg, LogMessage) else LogMessage(record.getMessage(), {})
        given = {**fields(), **told.fields}
        safe = {name: self._safe(value) if isinstance(value, str) else value for name, value in given.items()}
        traceback = self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
        return LogLine(time, self._safe(told.what), safe, self._safe(traceback))

    def _safe(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "...")
        for pattern, left in CUT:
            text = pattern.sub(left, text)
        return text


class JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger and message, then the fields, then the traceback of an exception."""
        line = self.line(record)
        head = {"time": line.time, "level": record.levelname, "logger": record.name, "message": line.message}
        return json.dumps({**head, **line.fields, **({"traceback": line.traceback} if line.traceback else {})})


class TextLines(_Lines):
    """One line that people can read; the traceback of an exception follows it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """A message with a line break in it stays one line: nobody can write lines of his own into the log."""
        line = self.line(record)
        head = f"{line.time} {record.levelname} {record.name}: {_in_one_line(line.message)}"
        traceback = [f"    {each}" for each in line.traceback.splitlines()]
        return "\n".join([" ".join([head, *_pairs(line.fields)]), *traceback])


def _pairs(fields: Fields) -> list[str]:
    return [f"{name}={_shown(value)}" for name, value in fields.items()]


def _shown(value: str | float) -> str:
    text = _in_one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text


def _in_one_line(text: str) -> str:
    escaped: Callable[[re.Match[str]], str] = lambda found: repr(found[0])[1:-1]  # noqa: E731
    return CONTROL.sub(escaped, text)

"""From an error to what HTTP says about it; the reason phrase is what Label Studio shows to a person."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from model.errors import AnywordError, BadImage, BadQuery, Busy, Misconfigured, OutOfMemory, Superseded, Unavailable

logger = logging.getLogger(__name__)

STATUSES: dict[type[AnywordError], int] = {
    BadQuery: 422,
    BadImage: 422,
    Misconfigured: 422,
    Busy: 503,
    Superseded: 503,
    OutOfMemory: 507,
    Unavailable: 503,
}
NO_MEMORY = "too little memory for this request: use a smaller picture, or try again when less is going on"
WHAT_TO_TRY = "ask again, or with another prompt; if it comes again, give this number to whoever runs the server"
REASON_LENGTH = 240  # characters; a status line of a few kilobytes is refused by some proxies


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as HTTP tells it; `kind` names it in the metrics and `retry_after` is in seconds."""

    status: int
    message: str
    kind: str
    retry_after: int | None = None

    @property
    def status_line(self) -> str:
        """Status and reason phrase in one line of printable ASCII: "422 Labeling config needs <Brush>"."""
        plain = " ".join(self.message.split()).encode("ascii", "replace").decode()
        return f"{self.status} {''.join(letter for letter in plain if letter.isprintable())[:REASON_LENGTH]}"


def problem(error: Exception) -> Problem:
    """Find the answer to an error; one that nobody foresaw gets an id here and its trace in the log."""
    if isinstance(error, AnywordError):
        retry_after = error.retry_after if isinstance(error, Busy) else None
        kind = next(each for each in type(error).__mro__ if each in STATUSES)
        return Problem(STATUSES[kind], str(error), kind.__name__, retry_after)
    if isinstance(error, HTTPException):
        return Problem(error.code or 500, error.description or error.name, "HTTP")
    if isinstance(error, ParseException):  # gunicorn reads a body where the app asks for it
        return Problem(400, "The request's body is broken off, or its chunks are no HTTP", "HTTP")
    if isinstance(error, MemoryError):  # outside the engine, which tells of it itself
        return Problem(STATUSES[OutOfMemory], NO_MEMORY, OutOfMemory.__name__)
    ticket = uuid.uuid4().hex[:12]
    logger.error("Unexpected error %s", ticket, exc_info=error)
    return Problem(500, f"Unexpected error {ticket}: {WHAT_TO_TRY}", "Unexpected")


def trouble(outcomes: Sequence[dict[str, Any] | Problem]) -> Problem | None:
    """What to refuse a call with: an error is the answer only where every task failed."""
    troubles = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    return troubles[0] if troubles and len(troubles) == len(outcomes) else None


def entries(outcomes: Sequence[dict[str, Any] | Problem]) -> list[dict[str, Any] | list[Any]]:
    """One entry for each task; an empty list says "not reached", so that Label Studio asks for this task again."""
    return [[] if isinstance(outcome, Problem) else outcome for outcome in outcomes]

"""The log as an operator gets it: our configuration of logging, for as long as a test lasts."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

from backend.observability import logs
from backend.settings import Settings

NAMES = ("", "backend", "model", "gunicorn.error")


@dataclass(frozen=True)
class Log:
    """What was written so far."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The lines as JSON."""
        return [json.loads(line) for line in self.lines]

    @property
    def messages(self) -> list[str]:
        return [entry["message"] for entry in self.entries]

    def entry(self, message: str) -> dict[str, Any]:
        """The only line with this message."""
        [found] = [entry for entry in self.entries if entry["message"] == message]
        return found


@contextmanager
def logged(settings: Settings) -> Iterator[Log]:
    """Everything that is logged in the block, in the format and from the level of the settings."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    stream = io.StringIO()
    with redirect_stderr(stream):
        logging.config.dictConfig(logs.config(settings))
    try:
        yield Log(stream)
    finally:
        for logger, (level, handlers, propagate) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers[:], logger.propagate = handlers, propagate

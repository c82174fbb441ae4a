"""The real server with an engine that waits at a gate: `python -m tests.backend.gated_server PORT GATE`.

GATE is an address that is asked before each answer, and for each step of learning; a test decides when it answers.
A worker that takes the place of another asks GATE/boot before it makes its app.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable

import requests
from flask import Flask

from backend.inference import watchdog
from backend.server import app, gunicorn
from backend.settings import read
from model.types import Answer, Image, Query
from tests.backend.colour_engine import ColourEngine


class Gated(ColourEngine):
    """Answers once the gate is open."""

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        requests.get(sys.argv[2], timeout=60)
        return super().segment(image, query, give_way)


def learn(_: object, __: object, ___: object, give_way: Callable[[], None]) -> None:
    """Learn for ever."""
    while True:
        requests.get(sys.argv[2], timeout=60)
        give_way()


class Booting(gunicorn.GunicornServer):
    """A server whose second worker waits before it serves. Its workers say when their interpreter ends."""

    def load(self) -> Flask:
        atexit.register(print, "The interpreter ends", flush=True)
        if self.line is not None:
            requests.get(f"{sys.argv[2]}boot", timeout=60)
        return super().load()


if __name__ == "__main__":
    app.load_models = lambda _: iter([Gated()])  # type: ignore[assignment]
    app._learn = learn  # type: ignore[assignment]
    watchdog.LOOK = 0.1
    gunicorn.HEARTBEAT = int(os.environ.get("HEARTBEAT", gunicorn.HEARTBEAT))
    Booting(read(os.environ), "127.0.0.1", int(sys.argv[1])).run()

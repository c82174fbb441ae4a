"""The engine, loaded in the background while the port is open already."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillLoading
from typing import Protocol

from model.errors import AnywordError, Busy, Misconfigured
from model.values import Answer, Image, Query

logger = logging.getLogger(__name__)


class Engine(Protocol):
    """What the server asks of the engine."""

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = ...) -> Answer:
        """Find what the query asks for in a picture (H, W, 3)."""


class Loader:
    """Holds the engine as soon as there is one, or the reason why there is none."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        """Call `load` in a thread of its own."""
        self._engine: Future[Engine] = Future()
        threading.Thread(target=self._work, args=(load,), name="loader", daemon=True).start()

    @property
    def loaded(self) -> bool:
        """Whether predictions can start at once."""
        return self._engine.done() and self._engine.exception() is None

    @property
    def failure(self) -> str:
        """Why loading failed; empty while it goes on and when it went well."""
        return str(self._engine.exception() or "") if self._engine.done() else ""

    def wait(self, seconds: float) -> Engine:
        """Return the engine.

        Raises: Busy when it is still loading after `seconds`, Misconfigured when loading failed.
        """
        try:
            return self._engine.result(seconds)
        except StillLoading:
            raise Busy("The model is still loading; try again in 10 s", retry_after=10) from None

    def _work(self, load: Callable[[], Engine]) -> None:
        started = time.monotonic()
        try:
            engine = load()
        except Exception as error:  # whatever it was: the server goes on, and tells it to whoever asks
            logger.exception("The model did not load")
            self._engine.set_exception(_told(error))
        else:
            logger.info("The model is loaded after %.1f s", time.monotonic() - started)
            self._engine.set_result(engine)


def _told(error: Exception) -> Misconfigured:
    reason = str(error) if isinstance(error, AnywordError) else f"{type(error).__name__}, see the log of the server"
    return Misconfigured(f"The model did not load: {reason}")

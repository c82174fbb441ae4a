"""The engine, loaded in the background while the port is open already."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillLoading
from typing import Protocol

from model.errors import AnywordError, Busy, Misconfigured
from model.types import Answer, Clause, Image, Query

logger = logging.getLogger(__name__)


class EngineProtocol(Protocol):
    """What the server asks of the engine."""

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = ...) -> Answer:
        """Find what the query asks for in a picture (H, W, 3)."""

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None]
    ) -> Sequence[Callable[[], Answer]]:
        """Find what one query asks for in each of several pictures; raises for all of them what `segment` raises.

        Each answer is given by a call that needs no models, in whichever thread: there its masks are drawn.
        """

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:
        """Why some of these clauses cannot be looked for."""


Load = Callable[[], EngineProtocol | Iterator[EngineProtocol]]
NOTHING_YET = "The models are loading"
CLICKS_ONLY = "Points and boxes without a text are answered already; texts wait for the other models"


class ModelLoader:
    """Holds the engine as soon as there is one, or the reason why there is none; before it, one that can be clicked."""

    def __init__(self, load: Load) -> None:
        """Call `load` in a thread of its own.

        Where it gives several engines, the first answers clicks while the others load, and the last is the whole one.
        """
        self._clickable: Future[EngineProtocol] = Future()
        self._engine: Future[EngineProtocol] = Future()
        threading.Thread(target=self._work, args=(load,), name="loader", daemon=True).start()

    @property
    def loaded(self) -> bool:
        """Whether predictions can start at once."""
        return self._engine.done() and self._engine.exception() is None

    @property
    def failure(self) -> str:
        """Why loading failed; empty while it goes on and when it went well."""
        return str(self._engine.exception() or "") if self._engine.done() else ""

    @property
    def progress(self) -> str:
        """What is answered while loading goes on; empty after its end."""
        if self._engine.done():
            return ""
        return CLICKS_ONLY if self._clickable.done() else NOTHING_YET

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:
        """Why some of these clauses cannot be looked for; nothing before the engine is there to say."""
        return self._engine.result().left_out(clauses) if self.loaded else ()

    def wait(self, seconds: float, query: Query | None = None) -> EngineProtocol:
        """Return the engine; while it loads, for a query that points and has no text, the one that can be clicked.

        Raises: Busy when it is still loading after `seconds`, Misconfigured when loading failed: then for clicks, too,
        or nobody would notice.
        """
        clicked = query is not None and query.hints and not query.clauses and not self._engine.done()
        try:
            return (self._clickable if clicked else self._engine).result(seconds)
        except StillLoading:
            raise Busy("The model is still loading; try again in 10 s", retry_after=10) from None

    def _work(self, load: Load) -> None:
        started = time.monotonic()
        try:
            made = load()
            engines = made if isinstance(made, Iterator) else iter([made])
            first = next(engines)
            self._clickable.set_result(first)
            logger.info("Points and boxes are answered after %.1f s", time.monotonic() - started)
            *_, whole = first, *engines
        except Exception as error:  # whatever it was: the server goes on, and tells it to whoever asks
            if isinstance(error, AnywordError):
                logger.error("The model did not load: %s", error)
            else:
                logger.exception("The model did not load")
            self._engine.set_exception(_told(error))
            if not self._clickable.done():
                self._clickable.set_exception(_told(error))
        else:
            logger.info("The model is loaded after %.1f s", time.monotonic() - started)
            self._engine.set_result(whole)


def _told(error: Exception) -> Misconfigured:
    reason = str(error) if isinstance(error, AnywordError) else f"{type(error).__name__}, see the log of the server"
    return Misconfigured(f"The model did not load: {reason}")

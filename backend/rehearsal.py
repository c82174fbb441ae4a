"""What annotators ask first is asked once before they do, where that takes seconds: on a graphics card."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from backend.idle import when_idle
from backend.loading import Engine, Loader
from backend.pictures.errands import Errands
from model.lane import Lane, Priority
from model.values import Box, Clause, Hint, Point, Query

logger = logging.getLogger(__name__)

LOADING_PATIENCE = 3600.0  # seconds until it is given up; weights may have to be downloaded
GREY = np.full((512, 512, 3), 128, np.uint8)


class Rehearsal:
    """Asks the loaded models, whenever nobody else does, a text, a click and a box of an empty picture.

    On a card passes are recorded when the first question of their kind comes (model/adapters/recorder.py).
    """

    def __init__(self, lane: Lane, loader: Loader, device: Callable[[], str]) -> None:
        """`device` names what the models run on, once they are loaded."""
        self._lane, self._loader, self._device = lane, loader, device
        self._errands = Errands("rehearsal", 1)

    def begin(self, preset: str) -> None:
        """In a thread of its own, once the models are loaded; nobody is told where it fails."""
        self._errands.send(partial(self._hold, preset))

    def close(self) -> None:
        """Finish what is under way and end the thread."""
        self._errands.close()

    def _hold(self, preset: str) -> None:
        engine = self._loader.wait(LOADING_PATIENCE)
        if self._device() == "cpu":
            return  # where nothing is recorded, the first question is as quick as any other
        began = time.monotonic()
        if all(when_idle(self._lane, partial(self._ask, engine, query)) for query in questions(preset)):
            logger.info("A text, a click and a box were rehearsed in %.1f s", time.monotonic() - began)

    def _ask(self, engine: Engine, query: Query) -> None:
        give_way = partial(self._lane.give_way, Priority.PREFETCH)
        self._lane.run(lambda: engine.segment(GREY, query, give_way), Priority.PREFETCH)


def questions(preset: str) -> tuple[Query, ...]:
    """A text under a preset, a click, and a box."""
    hints = (Hint((Point(256, 256),)), Hint(box=Box(128, 128, 384, 384)))
    return Query((Clause("the thing"),), preset=preset), *(Query(hints=(hint,)) for hint in hints)

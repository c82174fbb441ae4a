"""What annotators ask first is asked once before they do, where that takes seconds: on a graphics card."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from backend.idle_work import when_idle
from backend.inference.model_loader import EngineProtocol, ModelLoader
from backend.problems import problem
from model.runtime.scheduler import Priority, Scheduler
from model.types import Box, Clause, Hint, Point, Query

logger = logging.getLogger(__name__)

LOADING_PATIENCE = 3600.0  # seconds until it is given up; weights may have to be downloaded
GREY = np.full((512, 512, 3), 128, np.uint8)


def rehearse(lane: Scheduler, loader: ModelLoader, device: Callable[[], str], preset: str) -> None:
    """Once the models are loaded, ask them a text, a click and a box of an empty picture, whenever nobody else asks.

    On a card passes are recorded when the first question of their kind comes (model/runtime/cuda_graphs.py). `device`
    names what the models run on, once they are loaded. Nobody is told where it fails.
    """
    try:
        engine = loader.wait(LOADING_PATIENCE)
        if device() != "cpu":  # where nothing is recorded, the first question is as quick as any other
            _ask_all(lane, engine, questions(preset))
    except Exception as error:  # the boundary of its thread: the first question takes longer, and that is all
        logger.info("rehearsal: %s", problem(error).message)


def _ask_all(lane: Scheduler, engine: EngineProtocol, queries: Sequence[Query]) -> None:
    began = time.monotonic()
    if all(when_idle(lane, partial(_ask, lane, engine, query)) for query in queries):
        logger.info("A text, a click and a box were rehearsed in %.1f s", time.monotonic() - began)


def _ask(lane: Scheduler, engine: EngineProtocol, query: Query) -> None:
    give_way = partial(lane.give_way, Priority.PREFETCH)
    lane.run(lambda: engine.segment(GREY, query, give_way), Priority.PREFETCH)


def questions(preset: str) -> tuple[Query, ...]:
    """A text under a preset, a click, and a box."""
    hints = (Hint((Point(256, 256),)), Hint(box=Box(128, 128, 384, 384)))
    return Query((Clause("the thing"),), preset=preset), *(Query(hints=(hint,)) for hint in hints)

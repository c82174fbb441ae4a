"""Pictures that will be asked about soon are fetched and encoded ahead: the first click is as quick as a later one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache

from backend.idle_work import when_idle
from backend.inference.model_loader import ModelLoader
from backend.pictures.errand_queue import ErrandQueue
from backend.pictures.images import Images
from backend.pictures.neighbours import Neighbours, SeenTask, sight_of
from model.runtime.scheduler import Priority, Scheduler
from model.types import Query

if TYPE_CHECKING:
    from backend.inference.predict_request import PredictRequest

logger = logging.getLogger(__name__)

MOST_ERRANDS = 8
LOADING_PATIENCE = 60.0  # seconds that a prefetch waits for the model
AGAIN_SECONDS = 60.0  # how long a task stays open without a new look at its neighbours


class Prefetch:
    """What is done ahead, in threads of its own. Nobody waits for it, and nobody is told where it fails."""

    def __init__(self, images: Images, lane: Scheduler, loader: ModelLoader, most: int) -> None:
        """`most`: how many pictures after the open one are prefetched; 0 for none."""
        self._images, self._lane, self._loader, self._most = images, lane, loader, most
        self._neighbours = Neighbours(images.web, most)
        self._lock = threading.Lock()
        self._looked: TTLCache[tuple[str, str, int], bool] = TTLCache(MOST_ERRANDS, AGAIN_SECONDS)
        self._opened, self._ahead = ErrandQueue("prewarm", MOST_ERRANDS), ErrandQueue("prefetch", MOST_ERRANDS)

    def warm(self, task: Any, ask: PredictRequest) -> None:
        """A task was opened, and a person is about to click: its picture before any batch, then its neighbours."""
        sight = sight_of(task, ask.config.data_key, ask.hostname)
        if sight is not None:
            self._opened.send(partial(self._see, sight, Priority.PATIENT))
            self._look_around(sight, ask)

    def asked(self, ask: PredictRequest) -> None:
        """Told of every call after its answer: a prompt says which task is open, and its neighbours may be next.

        A pre-annotation says nothing of the kind: Label Studio may ask for it just because we asked it for tasks.
        """
        if self._most:
            self._neighbours.saw(ask)
        if isinstance(ask.context, Mapping) and ask.context.get("result"):
            for sight in [sight_of(task, ask.config.data_key, ask.hostname) for task in ask.tasks]:
                if sight is not None:
                    self._look_around(sight, ask)

    def close(self) -> None:
        """Drop what waits and end the threads."""
        self._opened.close()
        self._ahead.close()

    def _look_around(self, opened: SeenTask, ask: PredictRequest) -> None:
        key = (ask.hostname, ask.project, opened.task_id)
        with self._lock:
            new = self._most > 0 and key not in self._looked
            self._looked[key] = True
        if new:
            self._ahead.send(partial(self._look_ahead, opened, ask))

    def _look_ahead(self, opened: SeenTask, ask: PredictRequest) -> None:
        """See the neighbours of the open task whenever nothing else wants the lane."""
        for sight in self._neighbours.after(opened, ask):
            if not when_idle(self._lane, partial(self._see, sight, Priority.PREFETCH)):
                return

    def _see(self, sight: SeenTask, priority: Priority) -> None:
        """Fetch and decode a picture, then have it encoded: a query that asks for nothing does just that."""
        image = self._images.load(sight.url, task_id=sight.task_id, hostname=sight.hostname)
        engine = self._loader.wait(LOADING_PATIENCE)
        self._lane.run(lambda: engine.segment(image, Query(), lambda: self._lane.give_way(priority)), priority)
        logger.info("Task %s: its picture is encoded ahead", sight.task_id)

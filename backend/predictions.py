"""From tasks to predictions: fetch, read the prompt, segment, encode; one bad task costs that task alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend import prompts, regions
from backend.images import Images
from backend.label_config import LabelConfig
from backend.loading import Loader
from backend.metrics import Metrics
from backend.problems import Problem, problem
from backend.prompts import Request
from model.errors import BadImage
from model.lane import Lane, Priority
from model.values import Answer, Image, Query

logger = logging.getLogger(__name__)

LOADING_PATIENCE = 30.0  # seconds that a prediction waits for the model
NOT_REACHED = Problem(503, "The batch took too long: ask again for the tasks without a prediction", "NotReached", 1)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of Label Studio: its tasks, the prompt's context, the labelling config and the server's address."""

    tasks: Sequence[Any]
    context: object
    config: LabelConfig
    hostname: str


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers tasks with what the engine finds; only the engine's own work goes through the lane."""

    loader: Loader
    lane: Lane
    images: Images
    metrics: Metrics
    model_version: str
    preset_interactive: str
    preset_batch: str
    separate_regions: bool
    batch_deadline: float  # seconds

    def answer(self, ask: Ask) -> list[dict[str, Any] | Problem]:
        """One prediction, or what went wrong, for each task; tasks after the deadline are not reached."""
        if _event(ask.context):
            logger.warning("Event %.80r is not known here and changes nothing", _event(ask.context))
            return [regions.prediction([], self.model_version) for _ in ask.tasks]
        deadline = time.monotonic() + self.batch_deadline
        return [self._attempt(task, ask) if time.monotonic() < deadline else NOT_REACHED for task in ask.tasks]

    def _attempt(self, task: Any, ask: Ask) -> dict[str, Any] | Problem:
        try:
            return self._predict(task, ask)
        except Exception as error:  # the boundary of one task: the next one gets its answer
            trouble = problem(error)
        self.metrics.errors.labels(trouble.kind).inc()
        logger.error("Task %s: %s", _task_id(task), trouble.message)
        if _interactive(ask.context) and ask.config.status:
            return regions.prediction([regions.status_item(trouble.message, ask.config)], self.model_version)
        return trouble

    def _predict(self, task: Any, ask: Ask) -> dict[str, Any]:
        with self.metrics.stages.labels("fetch").time():
            image = self._image(task, ask)
        with self.metrics.stages.labels("prompt").time():
            request = prompts.read(task, ask.context, ask.config, (image.shape[0], image.shape[1]))
        answer = self._segment(image, request)
        with self.metrics.stages.labels("encode").time():
            items = regions.results(answer, request, ask.config)
        self.metrics.regions.inc(len({item["id"] for item in items}))
        message = regions.message(answer, request)
        logger.log(logging.WARNING if answer.warnings else logging.INFO, "Task %s: %s", _task_id(task), message)
        if request.interactive and ask.config.status:
            items.append(regions.status_item(message, ask.config))
        return regions.prediction(items, self.model_version)

    def _image(self, task: Any, ask: Ask) -> Image:
        data = task.get("data") if isinstance(task, Mapping) else None
        url = data.get(ask.config.data_key) if isinstance(data, Mapping) else None
        if not isinstance(url, str) or not url:
            raise BadImage(f"The task has no picture under {ask.config.data_key!r}")
        return self.images.load(url, task_id=task.get("id"), hostname=ask.hostname)

    def _segment(self, image: Image, request: Request) -> Answer:
        preset = self.preset_interactive if request.interactive else self.preset_batch
        query = replace(request.query, separate=self.separate_regions, preset=preset)
        if not query.clauses and not query.hints:
            return Answer(())  # a pre-annotation for a config without labels
        engine = self.loader.wait(LOADING_PATIENCE)
        priority, queued = _priority(request, query), time.monotonic()

        def job() -> Answer:
            self.metrics.stages.labels("wait").observe(time.monotonic() - queued)
            with self.metrics.stages.labels("segment").time():
                return engine.segment(image, query, lambda: self.lane.give_way(priority))

        return self.lane.run(job, priority)


def _priority(request: Request, query: Query) -> Priority:
    """Quick work first: a click never waits for an inversion, not even for the same person's."""
    if not request.interactive:
        return Priority.PREANNOTATION
    return Priority.PATIENT if query.clauses and query.preset != "fast" else Priority.INTERACTIVE


def _event(context: object) -> object:
    """What newer servers say besides asking for a prediction: that a task was opened, say, or an object moved."""
    return context.get("event") if isinstance(context, Mapping) else None


def _interactive(context: object) -> bool:
    return isinstance(context, Mapping) and bool(context.get("result"))


def _task_id(task: Any) -> object:
    return task.get("id") if isinstance(task, Mapping) else None

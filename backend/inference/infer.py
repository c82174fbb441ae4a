"""Jobs -> what the engine finds for them: some of a request's tasks by one job in the lane, drawn outside it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

from backend.inference.model_loader import ModelLoader
from backend.inference.predict_request import InferenceJob, Outcome
from backend.inference.query_parts import parts, whole
from backend.observability import logs
from backend.observability.instrument import Instrument
from model.errors import AnywordError, Busy
from model.runtime.scheduler import LATE, Scheduler
from model.types import Answer

logger = logging.getLogger(__name__)

LOADING_PATIENCE = 30.0  # seconds that a prediction waits for the model
TOGETHER = 4  # tasks that the models may answer at a time; ours: a click waits for a step of all of them
PICTURE_BYTES = 64_000_000  # decoded, after which a group is closed: large pictures wait in memory alone; ours

Draw = Callable[[], Answer]  # gives a task's answer, or raises what went wrong; needs no models


@dataclass(slots=True)
class Inference:
    """The way of one request through the lane: it has one place there, unless a group that failed is tried in parts.

    When the server stops, a request that has begun still gets its first group done, so that it is not begun in vain.
    Later groups are not reached. A `single` task that waits in the queue by then is refused: it is soon asked again.
    """

    loader: ModelLoader
    lane: Scheduler
    watch: Instrument
    single: bool
    _begun: bool = False

    def infer(self, prepared: Iterable[InferenceJob | Outcome]) -> Iterator[tuple[InferenceJob, Draw] | Outcome]:
        """How each job's answer is drawn, in order; what is no job passes through.

        Jobs are taken as they come, and as many at a time as may be answered together.
        """
        for group in _groups(prepared):
            draws = iter(self._draws([each for each in group if isinstance(each, InferenceJob)]))
            for each in group:
                yield (each, next(draws)) if isinstance(each, InferenceJob) else each

    def _draws(self, jobs: Sequence[InferenceJob]) -> Sequence[Draw]:
        """Those that ask the same of their pictures are answered together.

        Where that fails, each is tried alone: only the task that is to blame has no answer.
        """
        if len(jobs) < 2 or not _alike(jobs):
            stays = bool(jobs) and self._begin()
            return [self._alone(job, stays) for job in jobs]
        with logs.about(task=",".join(job.asked.label for job in jobs)):
            try:
                return self._together(jobs)
            except Busy as error:
                return [partial(_refused, error)] * len(jobs)
            except Exception as error:  # the boundary of a group
                trace = None if isinstance(error, AnywordError) else error
                logger.warning("They fail together (%s): each is tried alone", type(error).__name__, exc_info=trace)
        return [self._alone(job, stays=True) for job in jobs]

    def _begin(self) -> bool:
        """Whether the next work is to be done even where the server stops before its turn."""
        first, self._begun = not self._begun, True
        return first and (not self.single or self.lane.stopping)

    def _alone(self, job: InferenceJob, stays: bool) -> Draw:
        try:
            return self._asked(job, stays)
        except Exception as error:  # the boundary of one task, which is told when its answer is drawn
            return partial(_refused, error)

    def _asked(self, job: InferenceJob, stays: bool) -> Draw:
        if not job.query.clauses and not job.query.hints:
            return partial(Answer, ())  # a pre-annotation for a config without labels
        engine = self.loader.wait(LOADING_PATIENCE, job.query)
        asks, queued = parts(job.query, job.request.pointed), time.monotonic()

        def work() -> list[Draw]:
            self.watch.passed("wait", queued)
            give_way = partial(self.lane.give_way, job.priority)
            with self.watch.stage("segment"):
                return [draw for part in asks for draw in engine.find_each([job.picture.pixels], part.query, give_way)]

        told = partial(job.asked.scope.run, work)  # so that the lane's thread, too, knows which task it works for
        draws = self.lane.run(told, job.priority, job.annotator, job.asked.ask.until, stays)
        return lambda: whole(asks, [draw() for draw in draws])

    def _together(self, jobs: Sequence[InferenceJob]) -> Sequence[Draw]:
        """Raises Busy where their time is over before it is their turn: nothing is begun that comes too late."""
        first, images = jobs[0], [job.picture.pixels for job in jobs]
        engine = self.loader.wait(LOADING_PATIENCE)
        if time.monotonic() >= first.asked.ask.until:
            raise Busy(LATE, retry_after=1)
        stays, queued = self._begin(), time.monotonic()

        def work() -> Sequence[Draw]:
            with self.watch.together("segment", [job.asked.scope for job in jobs], queued):
                return engine.find_each(images, first.query, partial(self.lane.give_way, first.priority))

        return self.lane.run(partial(copy_context().run, work), first.priority, None, first.asked.ask.until, stays)


def _groups(prepared: Iterable[InferenceJob | Outcome]) -> Iterator[list[InferenceJob | Outcome]]:
    """As many at a time as the models may answer together, and as memory should hold."""
    group, size = list[InferenceJob | Outcome](), 0
    for number, each in enumerate(prepared, 1):
        group.append(each)
        size += each.picture.pixels.nbytes if isinstance(each, InferenceJob) else 0
        if size >= PICTURE_BYTES or number % TOGETHER == 0:
            yield group
            group, size = [], 0
    yield group


def _alike(jobs: Sequence[InferenceJob]) -> bool:
    """Whether all ask for the same texts; what is pointed at is of one picture."""
    query = jobs[0].query
    return bool(query.clauses) and not query.hints and all(job.query == query for job in jobs)


def _refused(error: Exception) -> Answer:
    raise error

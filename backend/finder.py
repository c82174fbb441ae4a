"""How the tasks of a request get their answers: found in the lane, several by one job, and drawn outside it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from backend import logs
from backend.loading import Loader
from backend.prompting.parts import parts, whole
from backend.prompting.prompts import Request
from backend.watch import Watch
from model.errors import AnywordError, Busy
from model.lane import LATE, Lane, Priority
from model.values import Answer, Image, Query

logger = logging.getLogger(__name__)

LOADING_PATIENCE = 30.0  # seconds that a prediction waits for the model

Find = Callable[[], Answer]  # gives a task's answer, or raises what went wrong
Draw = Callable[[], Answer]  # what a job in the lane leaves of that: it needs no models


@dataclass(frozen=True, slots=True)
class Asked:
    """What the models are asked about a task's picture (H, W, 3).

    `task` is its id as the log tells it. `request` has its query complete with the preset. `annotator` names whose
    newer prompt takes the place of this one, if anybody's. `until`: when nobody wants the answer any more. `context` is
    of whoever works for the task alone.
    """

    task: str
    image: Image
    request: Request
    annotator: object
    until: float
    context: Context

    @property
    def query(self) -> Query:
        """What is looked for."""
        return self.request.query

    @property
    def priority(self) -> Priority:
        """Quick work first: a click never waits for an inversion, not even for the same person's."""
        if not self.request.interactive:
            return Priority.PREANNOTATION
        return Priority.PATIENT if self.query.clauses and self.query.preset != "fast" else Priority.INTERACTIVE


@dataclass(slots=True)
class Finder:
    """Of one request: it has one place in the lane, unless tasks of a group that failed are tried alone.

    When the server stops, a request that has begun still gets its first group done, so that it is not begun in vain.
    Later groups are not reached. A `single` task that waits in the queue by then is refused: it is soon asked again.
    """

    loader: Loader
    lane: Lane
    watch: Watch
    single: bool
    _begun: bool = False
    _turn: Lock = field(default_factory=Lock)
    _beginning: Lock = field(default_factory=Lock)

    def finds(self, group: Sequence[Asked]) -> list[Find]:
        """How each of some tasks gets its answer. Those that ask the same of their pictures are answered together.

        Where that fails, each is tried alone: only the task that is to blame has no answer.
        """
        if not group:
            return []
        if len(group) == 1 or not _alike(group):
            stays = self._begin()
            return [partial(self._alone, asked, stays) for asked in group]
        with logs.about(task=",".join(asked.task for asked in group)):
            try:
                return [partial(self._drawn, draw) for draw in self._together(group)]
            except Busy as error:
                return [partial(_refused, error)] * len(group)
            except Exception as error:  # the boundary of a group
                trace = None if isinstance(error, AnywordError) else error
                logger.warning("They fail together (%s): each is tried alone", type(error).__name__, exc_info=trace)
                return [partial(self._alone, asked, True) for asked in group]

    def _begin(self) -> bool:
        """Whether the next job is to be done even where the server stops before its turn."""
        with self._beginning:
            first, self._begun = not self._begun, True
        return first and (not self.single or self.lane.stopping)

    def _alone(self, asked: Asked, stays: bool) -> Answer:
        if not asked.query.clauses and not asked.query.hints:
            return Answer(())  # a pre-annotation for a config without labels
        engine = self.loader.wait(LOADING_PATIENCE, asked.query)
        asks, queued = parts(asked.request), time.monotonic()

        def job() -> list[Draw]:
            self.watch.passed("wait", queued)
            give_way = partial(self.lane.give_way, asked.priority)
            with self.watch.stage("segment"):
                return [draw for part in asks for draw in engine.find_each([asked.image], part.query, give_way)]

        told = partial(asked.context.run, job)  # so that the lane's thread, too, knows which request it works for
        draws = self.lane.run(told, asked.priority, asked.annotator, asked.until, stays)
        return self._drawn(lambda: whole(asks, [draw() for draw in draws]))

    def _together(self, group: Sequence[Asked]) -> Sequence[Draw]:
        """Raises Busy where their time is over before it is their turn: nothing is begun that comes too late."""
        first, contexts = group[0], [asked.context for asked in group]
        engine, images = self.loader.wait(LOADING_PATIENCE), [asked.image for asked in group]
        with self._turn:
            if time.monotonic() >= first.until:
                raise Busy(LATE, retry_after=1)
            stays, queued = self._begin(), time.monotonic()

            def job() -> Sequence[Draw]:
                with self.watch.together("segment", contexts, queued):
                    return engine.find_each(images, first.query, partial(self.lane.give_way, first.priority))

            return self.lane.run(partial(copy_context().run, job), first.priority, None, first.until, stays)

    def _drawn(self, draw: Draw) -> Answer:
        """In the thread that wants the answer, while the lane goes on."""
        with self.watch.stage("draw"):
            return draw()


def _alike(group: Sequence[Asked]) -> bool:
    """Whether all ask for the same texts; what is pointed at is of one picture."""
    query = group[0].query
    return bool(query.clauses) and not query.hints and all(asked.query == query for asked in group)


def _refused(error: Busy) -> Answer:
    raise error

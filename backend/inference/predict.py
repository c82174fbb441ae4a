"""From tasks to predictions: prepare, infer, finish; one bad task costs that task alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from backend.bounded_map import bounded_map
from backend.inference import deduplicate
from backend.inference.active_revision import ActiveRevision
from backend.inference.infer import PICTURE_BYTES, TOGETHER, Draw, Inference
from backend.inference.model_loader import ModelLoader
from backend.inference.predict_request import AskedTask, InferenceJob, Outcome, PredictRequest, task_id
from backend.labelstudio import results
from backend.labelstudio.label_config import LabelConfig
from backend.labelstudio.results import Region
from backend.observability.instrument import Instrument, note
from backend.observability.task_scope import TaskScope
from backend.page.journal import AnsweredTask, Journal, entry_of
from backend.pictures.decoding import Picture
from backend.pictures.images import Images
from backend.pictures.picture_room import PictureRoom
from backend.problems import Problem, problem
from backend.prompting import drafts, prompts
from backend.prompting.prompts import Request
from backend.prompting.sessions import Sessions, Turn
from backend.prompting.task_key import TaskKey, digest
from model.errors import BadImage, Busy
from model.runtime.scheduler import STOPPING, Scheduler
from model.types import Answer

logger = logging.getLogger(__name__)

R = TypeVar("R")

AHEAD = TOGETHER + 1  # tasks on the way to the models, the one that goes to them counted, and as many behind them
ABREAST = 3  # of those are worked on at the same time; heuristic: fetching waits, drawing computes
LONGEST_NAME = 200  # characters of a project's or a task's name
SIDES = ("height", "width")
NOT_REACHED = Problem(503, "The batch took too long: ask again for the tasks without a prediction", "NotReached", 1)


class Teacher(Protocol):
    """Knows which revision a project is answered with: the database's, or the one that a job sent along."""

    def in_force(self, project: str, config: LabelConfig | None = None) -> ActiveRevision:
        """The revision in force, named for a labelling config."""


class Notebook(Protocol):
    """Remembers what is offered to annotators."""

    def note(self, project: str, task: str, found: Sequence[Region], request: Request, version: str) -> None:
        """Take the regions of an answer down."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """Answers tasks with what the engine finds; only what needs the models goes through the lane."""

    loader: ModelLoader
    lane: Scheduler
    images: Images
    watch: Instrument
    teaching: Teacher
    offering: Notebook
    preset_interactive: str
    preset_batch: str
    separate_regions: bool
    batch_deadline: float  # seconds
    sessions: Sessions = field(default_factory=Sessions)
    journal: Journal = field(default_factory=Journal)

    def answer(self, ask: PredictRequest) -> list[Outcome]:
        """One prediction, or what went wrong, for each task; tasks after the deadline are not reached."""
        in_force = self.teaching.in_force(ask.project, ask.config)
        if event_of(ask.context):
            logger.warning("Event %.80r is not known here and changes nothing", event_of(ask.context))
            return [results.prediction([], in_force.version) for _ in ask.tasks]
        if isinstance(ask.context, Mapping) and ask.context.get("result") == []:  # the editor does so after Submit
            return [results.prediction([], in_force.version) for _ in ask.tasks]
        return self._predict(replace(ask, until=time.monotonic() + self.batch_deadline), in_force)

    def _predict(self, ask: PredictRequest, in_force: ActiveRevision) -> list[Outcome]:
        """Prepare tasks ahead of the models, and finish tasks while the models go on.

        As many tasks as the models answer together stay in the thread of the caller.
        """
        room = PictureRoom(PICTURE_BYTES)
        scopes = [TaskScope(self.watch.task(ask.project, task_id(task))) for task in ask.tasks]
        tasks = [AskedTask(task, ask, in_force, scope, room) for task, scope in zip(ask.tasks, scopes, strict=True)]
        inference = Inference(self.loader, self.lane, self.watch, single=len(tasks) == 1)
        over = map if len(tasks) <= TOGETHER else partial(bounded_map, most=AHEAD, threads=ABREAST)
        return list(over(self._finished, inference.infer(over(self._prepared, tasks))))

    # 1. A task -> a job for the models

    def _prepared(self, asked: AskedTask) -> InferenceJob | Outcome:
        return self._attempt(asked, partial(self._prepare, asked))

    def _prepare(self, asked: AskedTask) -> InferenceJob | Outcome:
        """Fetch the picture, read the prompts, join them with earlier ones, add what was learned."""
        if time.monotonic() >= asked.ask.until:
            self.watch.refused(NOT_REACHED)
            return NOT_REACHED
        if self.lane.stopping:  # before anything is fetched: what is left of a batch is for the next process
            raise Busy(STOPPING, retry_after=10)
        asked.room.wait()
        started = time.monotonic()
        with self.watch.stage("fetch"):
            picture = self._picture(asked.task, asked.ask)
        with self.watch.stage("prompt"):
            said, turn = self._fused(asked, (picture.pixels.shape[0], picture.pixels.shape[1]))
            request = asked.in_force.taught(said, asked.ask.config)
        preset = self.preset_interactive if request.interactive else self.preset_batch
        query = replace(request.query, separate=self.separate_regions, preset=preset)
        asked.room.take(picture.pixels.nbytes)
        return InferenceJob(asked, picture, request, turn, query, started)

    # 2. Jobs -> what the models find: `Inference.infer`
    # 3. What the models found -> a prediction

    def _finished(self, inferred: tuple[InferenceJob, Draw] | Outcome) -> Outcome:
        if not isinstance(inferred, tuple):
            return inferred
        job, draw = inferred
        try:
            return self._attempt(job.asked, partial(self._finish, job, draw))
        finally:
            job.asked.room.give(job.picture.pixels.nbytes)

    def _finish(self, job: InferenceJob, draw: Draw) -> Outcome:
        """Draw the masks, give them labels and ids, encode them, and remember the answer."""
        with self.watch.stage("draw"):
            answer = draw()
        answer = replace(answer, warnings=(*job.picture.notes, *answer.warnings))
        with self.watch.stage("encode"):
            if not job.request.interactive:
                answer = deduplicate.without_doubles(answer, job.request, job.asked.task, job.config)
            found = results.named(answer, job.request, job.config)
            items = results.results(found, job.config, answer.warnings)
        message = results.message(answer, job.request)
        self._remember(job, answer, found, message)
        if job.request.interactive and job.config.status:
            items.append(results.status_item(message, job.config))
        return results.prediction(items, job.asked.in_force.version)

    def _remember(self, job: InferenceJob, answer: Answer, found: Sequence[Region], message: str) -> None:
        """Tell the session, the offers, the metrics, the log and the page."""
        project, task = job.asked.ask.project, str(job.asked.id)
        if job.turn is not None:
            self.sessions.remember(job.turn, job.request, found)
        self.offering.note(project, task[:LONGEST_NAME], found, job.request, job.asked.in_force.version)
        self.watch.metrics.regions.inc(len(found))
        note(regions=len(found), **({"warning": "; ".join(answer.warnings)} if answer.warnings else {}))
        logger.debug("The answer: %s", message)  # which may quote what was typed
        occasion = AnsweredTask(project, task, time.monotonic() - job.started, message)
        self.journal.record(entry_of(occasion, job.picture.pixels, job.request, answer))

    def _attempt(self, asked: AskedTask, step: Callable[[], R]) -> R | Outcome:
        """Do a step for a task. Its scope ends with its outcome, and so does a step that fails: at the task's cost."""
        try:
            reached: R | Outcome = asked.scope.run(step)
        except Exception as error:  # the boundary of one task: the others get their answers
            reached = asked.scope.run(self._refuse, asked, error)
        if not isinstance(reached, InferenceJob):
            asked.scope.close()
        return reached

    def _refuse(self, asked: AskedTask, error: Exception) -> Outcome:
        """What went wrong, told to the annotator where the labelling config has a place for it."""
        trouble, ask = problem(error), asked.ask
        self.watch.refused(trouble)
        self.journal.fail(trouble, f"task {asked.id}, project {ask.project.partition('.')[0]}")
        if not (_interactive(ask.context) and ask.config.status):
            return trouble
        message = f"busy, click again: {trouble.message}" if trouble.kind in ("Busy", "Superseded") else trouble.message
        return results.prediction([results.status_item(message, ask.config)], asked.in_force.version)

    def release(self, task: Any, ask: PredictRequest) -> None:
        """Forget what was asked about a task: the annotator has left it."""
        self.sessions.end(_place(task, ask))

    def _fused(self, asked: AskedTask, size: tuple[int, int]) -> tuple[Request, Turn | None]:
        """What the prompts and those before them ask for; without prompts, whatever the labels name."""
        task, ask = asked.task, asked.ask
        said = prompts.read(ask.context, ask.config, size)
        if said is None:
            return prompts.pre_annotation(ask.config), None
        return self.sessions.fuse(_place(task, ask), said, drafts.read(task, ask.config, size), size)

    def _picture(self, task: Any, ask: PredictRequest) -> Picture:
        url = _address(task, ask.config)
        if not url:
            raise BadImage(f"The task has no picture under {ask.config.data_key!r}")
        return self.images.picture(url, task_id=task.get("id"), hostname=ask.hostname, size=_seen_size(ask.context))


def event_of(context: object) -> object:
    """The event of a newer server that a context is about; None where it is about none and may hold a prompt."""
    return context.get("event") if isinstance(context, Mapping) else None


def _interactive(context: object) -> bool:
    return isinstance(context, Mapping) and bool(context.get("result"))


def _seen_size(context: object) -> tuple[int, int] | None:
    """The (H, W) of the picture that a prompt was made on, where its items say."""
    items = context.get("result") if isinstance(context, Mapping) else None
    for item in items if isinstance(items, list) else ():
        height, width = (item.get(f"original_{side}") if isinstance(item, Mapping) else None for side in SIDES)
        if isinstance(height, int) and isinstance(width, int):
            return height, width
    return None


def _place(task: Any, ask: PredictRequest) -> TaskKey:
    project, name = ask.project[:LONGEST_NAME], str(task_id(task))[:LONGEST_NAME]
    return TaskKey(ask.hostname, project, name, digest(_address(task, ask.config) or ""))


def _address(task: Any, config: LabelConfig) -> str | None:
    """Where the task's picture is, if it has one."""
    data = task.get("data") if isinstance(task, Mapping) else None
    url = data.get(config.data_key) if isinstance(data, Mapping) else None
    return url if isinstance(url, str) else None

"""From tasks to predictions: fetch, read the prompt, segment, draw, encode; one bad task costs that task alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from backend import accepted, batch, logs, regions
from backend.batch import Outcome, Steps
from backend.finder import Asked, Finder
from backend.label_config import LabelConfig
from backend.learning.teaching import InForce
from backend.loading import Loader
from backend.page.journal import Journal, Occasion, entry_of
from backend.pictures.decoding import Picture
from backend.pictures.images import Images
from backend.problems import Problem, problem
from backend.prompting import drafts, prompts
from backend.prompting.place import Place, digest
from backend.prompting.prompts import Prompts, Request
from backend.prompting.sessions import Sessions, Turn
from backend.regions import Region
from backend.watch import Watch, note
from model.errors import BadImage, Busy
from model.lane import STOPPING, TIMELESS, Lane
from model.values import Image

logger = logging.getLogger(__name__)

LONGEST_NAME = 200  # characters of a project's or a task's name
SIDES = ("height", "width")
NOT_REACHED = Problem(503, "The batch took too long: ask again for the tasks without a prediction", "NotReached", 1)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of Label Studio: its tasks, the prompt's context, the labelling config, the server's address.

    `project` is "<id>.<created unix>", as Label Studio names it; `until`, by the monotonic clock, is when nobody waits
    for an answer any more.
    """

    tasks: Sequence[Any]
    context: object
    config: LabelConfig
    hostname: str
    project: str = ""
    until: float = TIMELESS


class Teacher(Protocol):
    """Knows which revision a project is answered with: the database's, or the one that a job sent along."""

    def in_force(self, project: str, config: LabelConfig | None = None) -> InForce:
        """The revision in force, named for a labelling config."""


class Notebook(Protocol):
    """Remembers what is offered to annotators."""

    def note(self, project: str, task: str, found: Sequence[Region], request: Request, version: str) -> None:
        """Take the regions of an answer down."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers tasks with what the engine finds; only what needs the models goes through the lane."""

    loader: Loader
    lane: Lane
    images: Images
    watch: Watch
    teaching: Teacher
    offering: Notebook
    preset_interactive: str
    preset_batch: str
    separate_regions: bool
    batch_deadline: float  # seconds
    sessions: Sessions = field(default_factory=Sessions)
    journal: Journal = field(default_factory=Journal)

    def answer(self, ask: Ask) -> list[Outcome]:
        """One prediction, or what went wrong, for each task; tasks after the deadline are not reached."""
        in_force = self.teaching.in_force(ask.project, ask.config)
        if event_of(ask.context):
            logger.warning("Event %.80r is not known here and changes nothing", event_of(ask.context))
            return [regions.prediction([], in_force.version) for _ in ask.tasks]
        if isinstance(ask.context, Mapping) and ask.context.get("result") == []:  # the editor does so after Submit
            return [regions.prediction([], in_force.version) for _ in ask.tasks]
        ask = replace(ask, until=time.monotonic() + self.batch_deadline)
        finder = Finder(self.loader, self.lane, self.watch, single=len(ask.tasks) == 1)
        return batch.outcomes([self._story(task, ask, in_force) for task in ask.tasks], finder.finds)

    def _story(self, task: Any, ask: Ask, in_force: InForce) -> Steps:
        with self.watch.task(ask.project, _task_id(task)):
            if time.monotonic() >= ask.until:
                self.watch.refused(NOT_REACHED)
                return NOT_REACHED
            return (yield from self._attempt(task, ask, in_force))

    def _attempt(self, task: Any, ask: Ask, in_force: InForce) -> Steps:
        try:
            return (yield from self._predict(task, ask, in_force))
        except Exception as error:  # the boundary of one task: the others get their answers
            trouble = problem(error)
        self.watch.refused(trouble)
        self.journal.fail(trouble, f"task {_task_id(task)}, project {ask.project.partition('.')[0]}")
        if _interactive(ask.context) and ask.config.status:
            message = (
                f"busy, click again: {trouble.message}" if trouble.kind in ("Busy", "Superseded") else trouble.message
            )
            return regions.prediction([regions.status_item(message, ask.config)], in_force.version)
        return trouble

    def _predict(self, task: Any, ask: Ask, in_force: InForce) -> Steps:
        if self.lane.stopping:  # before anything is fetched: what is left of a batch is for the next process
            raise Busy(STOPPING, retry_after=10)
        started = time.monotonic()
        with self.watch.stage("fetch"):
            picture = self._picture(task, ask)
            image = picture.pixels
        with self.watch.stage("prompt"):
            size = (image.shape[0], image.shape[1])
            said = prompts.read(ask.context, ask.config, size)
            asked, turn = self._fused(said, task, ask, size)
            request = in_force.taught(asked, ask.config)
        find = yield self._asked(task, image, request, turn, ask.until)
        answer = find()
        answer = replace(answer, warnings=(*picture.notes, *answer.warnings))
        with self.watch.stage("encode"):
            if not request.interactive:
                answer = accepted.without_doubles(answer, request, task, ask.config)
            found = regions.named(answer, request, ask.config)
            items = regions.results(found, ask.config, answer.warnings)
        if turn is not None:
            self.sessions.remember(turn, request, found)
        self.offering.note(ask.project, str(_task_id(task))[:LONGEST_NAME], found, request, in_force.version)
        self.watch.metrics.regions.inc(len(found))
        note(regions=len(found), **({"warning": "; ".join(answer.warnings)} if answer.warnings else {}))
        message = regions.message(answer, request)
        logger.debug("The answer: %s", message)  # which may quote what was typed
        occasion = Occasion(ask.project, str(_task_id(task)), time.monotonic() - started, message)
        self.journal.record(entry_of(occasion, image, request, answer))
        if request.interactive and ask.config.status:
            items.append(regions.status_item(message, ask.config))
        return regions.prediction(items, in_force.version)

    def release(self, task: Any, ask: Ask) -> None:
        """Forget what was asked about a task: the annotator has left it."""
        self.sessions.end(_place(task, ask))

    def _fused(self, said: Prompts | None, task: Any, ask: Ask, size: tuple[int, int]) -> tuple[Request, Turn | None]:
        """What the prompts and those before them ask for; without prompts, whatever the labels name."""
        if said is None:
            return prompts.pre_annotation(ask.config), None
        return self.sessions.fuse(_place(task, ask), said, drafts.read(task, ask.config, size), size)

    def _picture(self, task: Any, ask: Ask) -> Picture:
        url = _address(task, ask.config)
        if not url:
            raise BadImage(f"The task has no picture under {ask.config.data_key!r}")
        return self.images.picture(url, task_id=task.get("id"), hostname=ask.hostname, size=_seen_size(ask.context))

    def _asked(self, task: Any, image: Image, request: Request, turn: Turn | None, until: float) -> Asked:
        preset = self.preset_interactive if request.interactive else self.preset_batch
        complete = replace(request, query=replace(request.query, separate=self.separate_regions, preset=preset))
        annotator = None if turn is None else turn.annotator
        return Asked(logs.harmless(_task_id(task)), image, complete, annotator, until, copy_context())


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


def _place(task: Any, ask: Ask) -> Place:
    project, name = ask.project[:LONGEST_NAME], str(_task_id(task))[:LONGEST_NAME]
    return Place(ask.hostname, project, name, digest(_address(task, ask.config) or ""))


def _address(task: Any, config: LabelConfig) -> str | None:
    """Where the task's picture is, if it has one."""
    data = task.get("data") if isinstance(task, Mapping) else None
    url = data.get(config.data_key) if isinstance(data, Mapping) else None
    return url if isinstance(url, str) else None


def _task_id(task: Any) -> object:
    return task.get("id") if isinstance(task, Mapping) else None

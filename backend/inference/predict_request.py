"""What goes through a prediction: the call, each of its tasks, and what the models are asked about one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.inference.active_revision import ActiveRevision
from backend.labelstudio.label_config import LabelConfig
from backend.observability import logs
from backend.observability.task_scope import TaskScope
from backend.pictures.decoding import Picture
from backend.pictures.picture_room import PictureRoom
from backend.problems import Problem
from backend.prompting.prompts import Request
from backend.prompting.sessions import Turn
from model.runtime.scheduler import TIMELESS, Priority
from model.types import Query

Outcome = dict[str, Any] | Problem  # a prediction, or why there is none


@dataclass(frozen=True, slots=True)
class PredictRequest:
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


@dataclass(frozen=True, slots=True)
class AskedTask:
    """One task of a call, as Label Studio sends it, and the revision that answers it.

    `scope` is its place in log and traces, `room` is where the call's pictures wait.
    """

    task: Any
    ask: PredictRequest
    in_force: ActiveRevision
    scope: TaskScope
    room: PictureRoom

    @property
    def id(self) -> object:
        """As Label Studio sends it; None where there is none."""
        return task_id(self.task)

    @property
    def label(self) -> str:
        """The id as the log tells it."""
        return logs.harmless(self.id)


@dataclass(frozen=True, slots=True)
class InferenceJob:
    """What the models are asked about a task's picture; `query` is the request's, complete with the preset.

    `turn` is that of the session, where an annotator asks. `started` is by the monotonic clock.
    """

    asked: AskedTask
    picture: Picture
    request: Request
    turn: Turn | None
    query: Query
    started: float

    @property
    def config(self) -> LabelConfig:
        """The labelling config."""
        return self.asked.ask.config

    @property
    def annotator(self) -> object:
        """Whose newer prompt takes the place of this one, if anybody's."""
        return None if self.turn is None else self.turn.annotator

    @property
    def priority(self) -> Priority:
        """Quick work first: a click never waits for an inversion, not even for the same person's."""
        if not self.request.interactive:
            return Priority.PREANNOTATION
        return Priority.PATIENT if self.query.clauses and self.query.preset != "fast" else Priority.INTERACTIVE


def task_id(task: Any) -> object:
    """A task's id, whatever the task's shape."""
    return task.get("id") if isinstance(task, Mapping) else None

"""One project's tasks: read by pages, given out, and each prediction stored as it comes, by this process alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from tqdm import tqdm

from backend.bulk.orders import Order, OrderReply, Workers
from backend.bulk.report import BulkReport
from backend.bulk.retry import patiently
from backend.bulk.service import Ledger
from backend.bulk.wanted import BulkQuestion
from backend.inference.active_revision import ActiveRevision
from backend.inference.predict_request import PredictRequest
from backend.labelstudio.client import LabelStudioClient
from backend.problems import Problem
from model.errors import Misconfigured

Task = Mapping[str, Any]
Storing = Callable[[Callable[[OrderReply], None], Iterator[OrderReply]], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done. `project` is "<id>.<created unix>"; `limit` is in tasks, None for all.

    `bar` moves with every task. A job that was killed is gone on with by another one: what is done has a prediction.
    """

    studio: LabelStudioClient
    ledger: Ledger
    wanted: BulkQuestion
    project: str
    bar: tqdm[Any]
    limit: int | None = None
    report: BulkReport = field(default_factory=BulkReport)

    def run(self, workers: Workers, over: Storing = map) -> None:
        """Do every task that has no prediction of the model version in force; what comes of it is in `report`.

        `over` stores the replies; `map` stores one after the other. A task that fails costs that task alone.
        Raises Unavailable where Label Studio stays away, Misconfigured where it refuses to tell the tasks, and what
        `workers` raises.
        """
        for _ in over(self._store, workers(self._orders())):
            self.bar.update()

    def count(self) -> None:
        """Only count what there is to do. Raises what `run` raises."""
        for _ in self._orders():
            self.report.waiting += 1
            self.bar.update()

    def _orders(self) -> Iterator[Order]:
        """What is to be done, up to the limit."""
        given = 0
        for task in self._tasks():
            if given == self.limit:
                return
            in_force = self.ledger.teaching.in_force(self.project, self.wanted.project)
            if self.wanted.version(in_force.version) in _versions(task):
                self.report.skipped += 1
                self._resize(-1)
            else:
                given += 1
                yield self._order(task, in_force)

    def _order(self, task: Task, in_force: ActiveRevision) -> Order:
        ask = PredictRequest([self.wanted.asked(task)], self.wanted.context, self.wanted.config, "", self.project)
        return Order(task["id"], ask, in_force)

    def _store(self, reply: OrderReply) -> None:
        self.ledger.offering.add(self.project, reply.offers)
        if isinstance(reply.outcome, Problem):
            self.report.failed[reply.task] = reply.outcome.message
            return
        version = self.wanted.version(reply.outcome["model_version"])
        prediction, attempts = {**reply.outcome, "model_version": version}, count()
        patiently(lambda: self._write(reply.task, prediction, next(attempts) > 0))

    def _write(self, task: int, prediction: Task, again: bool) -> None:
        """Store a prediction, unless the task has one by now.

        At the first attempt that one is of another run; `again`: an attempt before may have got through unanswered.
        """
        version, now = prediction["model_version"], self.studio.task(self.number, task)
        if now is None:
            self.report.failed[task] = "it was deleted meanwhile"
        elif version in _versions(now):
            self.report.wrote(version) if again else self.report.found()
        else:
            self._import(task, prediction)

    def _import(self, task: int, prediction: Task) -> None:
        try:
            self.studio.write(self.number, task, prediction)
        except Misconfigured as error:  # the boundary of one task: Label Studio does not take its prediction
            self.report.failed[task] = str(error)
        else:
            self.report.wrote(prediction["model_version"])

    def _tasks(self) -> Iterator[Task]:
        """The tasks by id; each page is read when the one before is given out."""
        last = 0
        while page := patiently(partial(self.studio.page, self.number, last)):
            yield from page
            last = max(int(task["id"]) for task in page)

    def _resize(self, by: int) -> None:
        """Let the bar count what is left to do: tasks that are skipped would pass for speed."""
        if self.limit is None:
            self.bar.total = (self.bar.total or 0) + by
            self.bar.update(0)  # shown as often as ever

    @property
    def number(self) -> int:
        """The project's id in Label Studio."""
        return int(self.project.partition(".")[0])


def _versions(task: Task) -> set[str]:
    """The model versions of a task's predictions. Raises Misconfigured where the API does not tell them."""
    if task["predictions"] is None:
        raise Misconfigured("Label Studio lists tasks without their predictions: the key has to be allowed to see them")
    return {one["model_version"] for one in task["predictions"]}

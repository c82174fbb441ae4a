"""One project's tasks: read by pages, predicted one at a time, and each prediction stored before the next task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tqdm import tqdm

from backend.bulk.patience import patiently
from backend.bulk.report import Report
from backend.bulk.wanted import Wanted
from backend.corrections.studio import Studio
from backend.predictions import Ask, Predictions
from backend.problems import Problem
from model.errors import Misconfigured

LOADING = 3600.0  # seconds that the models may take to load
Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done. `project` is "<id>.<created unix>"; `limit` is in tasks, None for all; a dry run only counts.

    `bar` moves with every task. A job that was killed is gone on with by another one: what is done has a prediction.
    """

    studio: Studio
    predictions: Predictions
    wanted: Wanted
    project: str
    bar: tqdm[Any]
    limit: int | None = None
    dry_run: bool = False
    report: Report = field(default_factory=Report)

    def run(self) -> None:
        """Do every task that has no prediction of the model version in force; what comes of it is in `report`.

        A task that fails costs that task alone. Raises Unavailable where Label Studio stays away, and Misconfigured
        where it refuses to tell the tasks, or the engine does not load.
        """
        for task in self._tasks():
            if self.report.taken == self.limit:
                return
            if self._version() in _versions(task):
                self.report.skipped += 1
                self._resize(-1)
            elif self.dry_run:
                self.report.waiting += 1
                self.bar.update()
            else:
                self._do(task)
                self.bar.update()

    def _do(self, task: Task) -> None:
        self.predictions.loader.wait(LOADING)
        ask = Ask([self.wanted.asked(task)], self.wanted.context, self.wanted.config, "", self.project)
        [outcome] = self.predictions.answer(ask)
        self.predictions.release(ask.tasks[0], ask)
        if isinstance(outcome, Problem):
            self.report.failed[task["id"]] = outcome.message
            return
        version = self.wanted.version(outcome["model_version"])
        patiently(partial(self._write, task["id"], {**outcome, "model_version": version}))

    def _write(self, task: int, prediction: Task) -> None:
        """Store a prediction, unless the task has one by now: an attempt before may have got through unanswered."""
        version, now = prediction["model_version"], self.studio.task(self.number, task)
        if now is None:
            self.report.failed[task] = "it was deleted meanwhile"
        elif version in _versions(now):
            self.report.wrote(version)
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
        """The tasks by id; each page is read when the one before is done, so that it shows what is done by then."""
        last = 0
        while page := patiently(partial(self.studio.page, self.number, last)):
            yield from page
            last = max(int(task["id"]) for task in page)

    def _version(self) -> str:
        return self.wanted.version(self.predictions.teaching.version(self.project))

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

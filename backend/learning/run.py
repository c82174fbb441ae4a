"""From a project's corrections to a revision in force: one run of learning, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from backend.inference.model_loader import ModelLoader
from backend.learning.dataset import Grounds, Terms, grounds, is_learned
from backend.learning.lease import Holding, Steps
from backend.learning.lesson_codec import Learned, encode
from backend.learning.progress import progress
from backend.learning.revision_figures import score
from backend.learning.triggers import LearningTrigger
from backend.learning.yielding import Aside
from backend.observability.metrics import Metrics
from backend.pictures.images import Images
from backend.store import revisions, runs
from backend.store.database import Database
from backend.store.revisions import Draft, StaleParent
from backend.store.runs import Run
from backend.webhooks.corrections import Annotation
from model.errors import Unavailable
from model.learning.dataset.learning_examples import Curriculum
from model.runtime.scheduler import Priority, Scheduler
from model.types import Image

if TYPE_CHECKING:
    from model.learning.learn import LearningVerdict  # torch comes with it

logger = logging.getLogger(__name__)

LEASE = 60.0  # seconds until another process takes over what this one does not do any more
LOADING_PATIENCE = 600.0  # seconds that learning waits for the models

GiveWay = Callable[[], None]
Learn = Callable[[Any, Curriculum, Steps, GiveWay], "LearningVerdict"]
Outcome = Literal["adopted", "kept", "idle"]  # idle: there was nothing new, or nothing may be learned


@dataclass(frozen=True, slots=True)
class LearningRun:
    """What learning works with. `learn` is that of model/learning/learn.py; `lease` is in seconds."""

    database: Database
    lane: Scheduler
    loader: ModelLoader
    images: Images
    metrics: Metrics
    learn: Learn
    terms: Terms
    lease: float = LEASE

    def teach(self, occasion: LearningTrigger, owner: str) -> Outcome:
        """Learn from a project, for an owner whom no other process and no other life of this one shares.

        Somebody else's run is left alone, and what was judged already is not judged again. Raises whatever failed;
        what was saved until then stays for the next time.
        """
        engine = self.loader.wait(LOADING_PATIENCE)
        with self.database.reading() as connection:
            found = grounds(connection, occasion.project, self.terms)
        run = None if found is None else self._claimed(found, owner)
        if found is None or run is None:
            self._tell(occasion.project, "nothing new to learn from, or another process learns from it")
            return "idle"
        logger.info("Project %s, %s: learning from %d annotations", occasion.project, occasion.cause, found.basis.count)
        with Holding(self.database, run, self.lease) as holding:
            give_way = partial(self._give_way, holding)
            with Aside(give_way) as aside, self.metrics.learning_seconds.time():
                curriculum = found.curriculum(partial(self._fetched, found, holding, aside))
                steps = Steps(self.database, holding, aside, self._saved(run))
                verdict = self.lane.run(lambda: self.learn(engine, curriculum, steps, give_way), Priority.LEARNING)
            number = self._concluded(run, verdict, occasion)
        self.metrics.learned_masks.set(sum(len(each.opinions) for each in curriculum.examples))
        return "kept" if number is None else "adopted"

    def _tell(self, project: str, outcome: str) -> None:
        """Say at INFO what came of learning, and what is missing; phrases stay out, as they may have been typed."""
        with suppress(Unavailable), self.database.reading() as connection:
            outcome = f"{outcome}; {progress(connection, project)}"
        logger.info("Project %s: %s", project, outcome)

    def _claimed(self, found: Grounds, owner: str) -> Run | None:
        """The run, where it is the owner's to do. Raises StaleParent where another revision came into force."""
        project = found.project.key
        with self.database.writing() as connection:
            if revisions.pinned(connection, project):
                logger.warning("Project %s is pinned to what is in force: nothing is learned", project)
                return None
            if is_learned(connection, found):
                return None
            run = runs.claim(connection, project, found.basis, owner, self.lease)
            if run is not None and run.parent != found.number:
                raise StaleParent(f"Revision {run.parent} came into force meanwhile")  # which undoes the claim
        return run

    def _saved(self, run: Run) -> dict[str, bytes]:
        with self.database.reading() as connection:
            return runs.saved(connection, run)

    def _give_way(self, holding: Holding) -> None:
        holding.check()
        self.lane.give_way(Priority.LEARNING)

    def _fetched(self, found: Grounds, holding: Holding, aside: Aside, annotation: Annotation) -> Image:
        """A picture, fetched while clicks go on. Raises BadImage."""
        holding.doing = f"looks at task {annotation.task}"
        load = partial(self.images.load, annotation.picture)
        return aside.do(partial(load, task_id=annotation.task, hostname=found.project.hostname))

    def _concluded(self, run: Run, verdict: LearningVerdict, occasion: LearningTrigger) -> int | None:
        """Keep the verdict and put what was learned in force, both or neither; the number of the new revision."""
        number = None
        with self.database.writing() as connection:
            if verdict.adopted:
                lessons = encode(Learned(self.terms.models, verdict.lessons))
                draft = Draft(occasion.cause, verdict.figures, lessons)
                number = revisions.adopt(connection, run.project, draft, run.parent)
            runs.finish(connection, run, runs.RunVerdict(number, verdict.figures, verdict.reason))
        self._tell(run.project, "nothing is changed" if number is None else _gains(verdict.figures))
        logger.debug("The reason: %s", verdict.reason)  # which may quote what was typed; the project's page has it, too
        return number


def _gains(figures: Mapping[str, Any]) -> str:
    """The labels that something was learned about, with their scores on held-out pictures before and after."""
    won = {label: each for label, each in figures.get("labels", {}).items() if each["adopted"]}
    told = [f"{label} from {score(each['before'])} to {score(each['after'])}" for label, each in won.items()]
    return f"better on held-out pictures: {', '.join(told)}"

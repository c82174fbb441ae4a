"""One thread that learns from the projects, whenever there is an occasion."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable

from backend.background import BackgroundWorker
from backend.learning.run import LearningRun
from backend.learning.triggers import LearningTrigger, occasions
from backend.page.journal import Journal
from backend.problems import problem
from backend.store import projects
from backend.store.revisions import StaleParent
from backend.store.runs import LostLease
from model.errors import Busy, Unavailable

logger = logging.getLogger(__name__)

LOOK = 60.0  # seconds between two looks for an occasion
AGAIN = 5.0  # seconds until a database that was away is tried again
REST, LONGEST_REST = 600.0, 86_400.0  # seconds that a project rests after a failure; each one doubles them
ASKED = "Start Training"

Sync = Callable[[str], object]  # reads a project again through Label Studio's API


class LearningWorker(BackgroundWorker):
    """Learns from one project after the other. What fails is told and tried again later; nothing else stops for it.

    Learning that is under way at the end ends where the lane is stopped; a project that is just read again, and models
    that are waited for, are left: both are begun anew.
    """

    ending = 8.0  # ours

    def __init__(self, school: LearningRun, journal: Journal, every: int, sync: Sync | None = None) -> None:
        """`every`: new annotations after which a project is learned from by itself; 0: only where somebody asks."""
        super().__init__("learner")
        self._school, self._journal, self._every, self._sync = school, journal, every, sync
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._asked: dict[str, LearningTrigger] = {}  # in order, each project once
        self._rests: dict[str, tuple[float, float]] = {}  # by project: until when, and for how long
        self._missed, self._told_away = False, ""  # whether the database was away in this round; what was logged of it
        self._synced = False

    def start_training(self, project: str) -> None:
        """Have a project learned from, as somebody asked for it; comes back at once."""
        self._asked[project] = LearningTrigger(project, ASKED)
        self.wake()

    def turn(self) -> float:
        """Read all projects again, once, and learn from those that there is an occasion for."""
        self._synced = self._synced or self._sync_all()
        self.work_once()
        return AGAIN if self._missed else LOOK

    def work_once(self) -> None:
        """Learn from every project that there is an occasion for. Nothing is raised: what fails is told."""
        self._missed = False
        asked = {project: self._asked.pop(project) for project in list(self._asked)}
        due = [each for each in self._due() if each.project not in asked]
        for occasion in [*asked.values(), *due]:
            if not self._closed.is_set():
                self._attempt(occasion)
        if not self._missed:
            self._told_away = ""

    def _due(self) -> list[LearningTrigger]:
        """What is due by itself, without projects that rest."""
        try:
            with self._school.database.reading() as connection:
                due = occasions(connection, self._every, self._school.lease)
        except Unavailable as error:
            self._away(str(error))
            return []
        except Exception as error:  # the boundary of the thread: it looks again later
            logger.warning("What there is to learn is not known: %s", problem(error).message)
            return []
        now = time.monotonic()
        return [each for each in due if self._rests.get(each.project, (now, 0.0))[0] <= now]

    def _attempt(self, occasion: LearningTrigger) -> None:
        """Learn, and tell what became of it."""
        outcome = "failed"
        try:
            if occasion.cause == ASKED:
                self._read_again(occasion.project)
            outcome = self._school.teach(occasion, self._owner)
            self._rests.pop(occasion.project, None)
        except Unavailable as error:  # no failure of the project: it is learned from once the database is there
            outcome = "interrupted"
            self._asked.setdefault(occasion.project, occasion)
            self._away(str(error))
        except (StaleParent, LostLease, Busy) as error:
            outcome = "overtaken"
            self._rest(occasion.project, str(error))
        except Exception as error:  # the boundary of one project: the next one is learned from
            trouble = problem(error)
            self._rest(occasion.project, trouble.message)
            self._journal.fail(trouble, f"learning, project {occasion.project.partition('.')[0]}")
        self._school.metrics.learning.labels(outcome).inc()

    def _away(self, reason: str) -> None:
        """Log once that the database is away, until a round goes well."""
        self._missed = True
        if reason != self._told_away:
            self._told_away = reason
            logger.warning("Learning waits for the database: %s", reason)

    def _rest(self, project: str, reason: str) -> None:
        """Leave a project alone for a while, unless somebody asks."""
        _, last = self._rests.get(project, (0.0, REST / 2))
        seconds = min(2 * last, LONGEST_REST)
        self._rests[project] = time.monotonic() + seconds, seconds
        logger.warning("Project %s is not learned from for %.0f minutes: %s", project, seconds / 60, reason)

    def _sync_all(self) -> bool:
        """At the start, events were lost while nobody listened; whether the database knew of which projects."""
        if self._sync is None:
            return True
        try:
            with self._school.database.reading() as connection:
                keys = [project.key for project in projects.all_projects(connection)]
        except Exception as error:  # the boundary of the thread: events go on telling
            logger.warning("No project is read again: %s", problem(error).message)
            return False
        for key in keys:
            if not self._closed.is_set():
                self._read_again(key)
        return True

    def _read_again(self, project: str) -> None:
        """Repair what events missed; where that fails, what is known has to do."""
        if self._sync is None:
            return
        try:
            logger.info("%s", self._sync(project))
        except Exception as error:  # the boundary of one project
            trouble = problem(error)
            logger.warning("Project %s is not read again: %s", project, trouble.message)
            self._journal.fail(trouble, f"sync, project {project.partition('.')[0]}")

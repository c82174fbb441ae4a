"""What each project was taught: the revision in force, looked up for every request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cachetools import LRUCache
from prometheus_client import Counter

from backend.background import Seldom
from backend.inference.apply_lessons import taught
from backend.inference.model_version import VersionNaming, same_models
from backend.labelstudio.label_config import LabelConfig
from backend.learning.lesson_codec import decode
from backend.page.journal import Journal
from backend.problems import problem
from backend.prompting.prompts import Request
from backend.store import revisions
from backend.store.database import Database
from model.errors import Misconfigured, Unavailable
from model.types import Lesson

logger = logging.getLogger(__name__)

PROJECTS = 200  # whose lessons are kept in memory, a few hundred kilobytes each


@dataclass(frozen=True, slots=True)
class ActiveRevision:
    """The revision that answers a request: its number (0: nothing learned), the model version, lessons by label."""

    number: int
    version: str
    lessons: Mapping[str, Lesson] = field(default_factory=dict)

    def taught(self, request: Request, config: LabelConfig) -> Request:
        """The request with what the project was taught about its labels."""
        return taught(request, self.lessons, config)


class ActiveRevisions:
    """Tells which revision is in force; threads may share it, and so may processes the database.

    While the database does not answer, a project goes on with the last revision that this process knows of it.
    """

    def __init__(self, database: Database, naming: VersionNaming, failures: Counter, journal: Journal) -> None:
        """A click waits for `database`, which should be hurried and sparing.

        `failures` counts requests that were answered by a revision that may not be the one in force.
        """
        self._database, self._naming, self._failures, self._journal = database, naming, failures, journal
        self._known: LRUCache[str, ActiveRevision] = LRUCache(PROJECTS)
        self._lock = threading.Lock()
        self._line = Seldom()

    def version(self, project: str, config: LabelConfig | None = None) -> str:
        """The model version of a project under its labelling config, and with what it learned."""
        return self.in_force(project, config).version

    def in_force(self, project: str, config: LabelConfig | None = None) -> ActiveRevision:
        """The revision in force, at the price of one small question to the database."""
        known = self._last_known(project)
        try:
            known = self._keep(project, self._looked_up(project, known))
        except (Unavailable, Misconfigured) as error:  # predictions go on without a database
            self._complain(project, error)
        return replace(known, version=self._naming.version(known.number, config))

    def _looked_up(self, project: str, known: ActiveRevision) -> ActiveRevision:
        with self._database.reading() as connection:
            number = revisions.number_in_force(connection, project)
            if number == known.number:
                return known
            revision = revisions.get(connection, project, number)
        return ActiveRevision(0, self._naming.base) if revision is None else self._read(number, revision.lessons)

    def _read(self, number: int, data: bytes) -> ActiveRevision:
        """A revision as it answers here. Raises Misconfigured where it cannot be read."""
        learned, version = decode(data), self._naming.version(number)
        if learned.lessons and not same_models(learned.models, self._naming.models):
            logger.warning("Revision %d was learned with other models (%s) and waits for these", number, learned.models)
            return ActiveRevision(number, version)
        return ActiveRevision(number, version, learned.lessons)

    def _last_known(self, project: str) -> ActiveRevision:
        with self._lock:
            return self._known.get(project, ActiveRevision(0, self._naming.base))

    def _keep(self, project: str, found: ActiveRevision) -> ActiveRevision:
        with self._lock:
            self._known[project] = found
        return found

    def _complain(self, project: str, error: Exception) -> None:
        self._failures.inc()
        if self._line.due:
            logger.error("Project %s goes on with the last revision that is known here: %s", project, error)
            self._journal.fail(problem(error), f"project {project.partition('.')[0]}, the revision in force")

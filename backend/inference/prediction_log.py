"""What the backend offers is remembered, to see later what annotators made of it; no prediction waits for that."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from backend.background import BackgroundWorker
from backend.labelstudio.results import Region
from backend.observability.metrics import Metrics
from backend.problems import problem
from backend.prompting.prompts import Request
from backend.store import offers
from backend.store.database import Database
from backend.webhooks.corrections import Offer
from model.coco_rle import pack
from model.errors import Unavailable
from model.types import Mask

logger = logging.getLogger(__name__)

MOST_BYTES = 128_000_000  # of masks that wait to be packed
MOST_OFFERS = 5_000  # packed, that wait for the database


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """One region as it was offered, its mask not packed yet."""

    project: str
    region: Region
    task: str
    phrase: str
    version: str

    @property
    def mask(self) -> Mask:
        return self.region.segment.mask

    def packed(self) -> tuple[str, Offer]:
        """The project, and what is remembered."""
        mask = pack(self.mask)
        return self.project, Offer(self.region.id, self.task, self.region.label, self.phrase, mask, self.version)


class PredictionLog(BackgroundWorker):
    """Remembers offers in a thread of its own. Of too many that wait, the oldest are dropped and counted."""

    patient = True  # new offers do not bring a database back

    def __init__(self, database: Database, metrics: Metrics) -> None:
        super().__init__("offering")
        self._database = database
        self._metrics = metrics
        self._notes: deque[Note] = deque()
        self._bytes = 0
        self._arrived: list[tuple[str, Offer]] = []  # packed elsewhere
        self._packed: deque[tuple[str, Offer]] = deque()  # the thread's own
        self._lock = threading.Lock()

    def note(self, project: str, task: str, found: Sequence[Region], request: Request, version: str) -> None:
        """Have the regions of an answer remembered, and come back at once."""
        with self._lock:
            for region in found:
                self._notes.append(Note(project, region, task, phrase_of(region, request), version))
                self._bytes += region.segment.mask.nbytes
            while self._bytes > MOST_BYTES:
                self._bytes -= self._notes.popleft().mask.nbytes
                self._metrics.offers.labels("dropped").inc()
        self.wake()

    def add(self, project: str, packed: Sequence[Offer]) -> None:
        """Have offers remembered that were packed elsewhere, and come back at once."""
        with self._lock:
            self._arrived.extend((project, offer) for offer in packed)
        self.wake()

    def work_once(self) -> bool:
        """Store what waits; False where nothing does. Raises Unavailable; then it goes on waiting."""
        with self._lock:
            notes, self._notes, self._bytes = self._notes, deque(), 0
            arrived, self._arrived = self._arrived, []
        self._packed.extend(arrived)
        for note in notes:
            self._packed.append(note.packed())
        while len(self._packed) > MOST_OFFERS:
            self._packed.popleft()
            self._metrics.offers.labels("dropped").inc()
        waiting = list(self._packed)
        for project in dict.fromkeys(project for project, _ in waiting):
            own = [offer for owner, offer in waiting if owner == project]
            with self._database.writing() as connection:
                offers.offer(connection, project, own)
        self._packed.clear()
        self._metrics.offers.labels("remembered").inc(len(waiting))
        return bool(waiting)

    @property
    def waiting(self) -> int:
        """How many offers the database has not taken; after `close`, those that are lost."""
        with self._lock:
            return len(self._notes) + len(self._arrived) + len(self._packed)

    def turn(self) -> None:
        """Store what waits, and forget what cannot be stored. Raises Unavailable."""
        try:
            self.work_once()
        except Unavailable:
            raise
        except Exception as error:  # the boundary of what waits: the next offers are remembered all the same
            self._packed.clear()
            logger.error("Offers are left out: %s", problem(error).message)

    def failed(self, error: Exception, pause: float) -> None:  # noqa: ARG002
        """Log that the database did not answer."""
        logger.warning("%d offers wait for the database: %s", len(self._packed), error)

    def _work(self) -> None:
        super()._work()
        self._try(0)  # what came while the last ones were stored


def phrase_of(region: Region, request: Request) -> str:
    """The text that a region answers; empty where points, boxes or strokes asked."""
    segment = region.segment
    if segment.hint is not None:
        return ""
    if segment.phrase is not None:
        return segment.phrase.text
    return "" if segment.clause is None else request.clauses[segment.clause].text

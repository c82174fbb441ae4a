"""What the backend offers is remembered, to see later what annotators made of it; no prediction waits for that."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from backend.corrections.values import Offer
from backend.metrics import Metrics
from backend.problems import problem
from backend.prompting.prompts import Request
from backend.regions import Region
from backend.store import offers
from backend.store.database import Database
from model.errors import Unavailable
from model.packed import pack
from model.values import Mask

logger = logging.getLogger(__name__)

MOST_BYTES = 128_000_000  # of masks that wait to be packed
MOST_OFFERS = 5_000  # packed, that wait for the database
LONGEST_PAUSE = 60.0  # seconds between two attempts on a database that is away


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


class Offering:
    """Remembers offers in a thread of its own. Of too many that wait, the oldest are dropped and counted."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._notes: deque[Note] = deque()
        self._bytes = 0
        self._arrived: list[tuple[str, Offer]] = []  # packed elsewhere
        self._packed: deque[tuple[str, Offer]] = deque()  # the thread's own
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="offering", daemon=True)

    def start(self) -> None:
        """Begin to remember."""
        self._thread.start()

    def note(self, project: str, task: str, found: Sequence[Region], request: Request, version: str) -> None:
        """Have the regions of an answer remembered, and come back at once."""
        with self._lock:
            for region in found:
                self._notes.append(Note(project, region, task, phrase_of(region, request), version))
                self._bytes += region.segment.mask.nbytes
            while self._bytes > MOST_BYTES:
                self._bytes -= self._notes.popleft().mask.nbytes
                self._metrics.offers.labels("dropped").inc()
        self._woken.set()

    def add(self, project: str, packed: Sequence[Offer]) -> None:
        """Have offers remembered that were packed elsewhere, and come back at once."""
        with self._lock:
            self._arrived.extend((project, offer) for offer in packed)
        self._woken.set()

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

    def close(self) -> None:
        """Store what waits, if the database is there, and end the thread."""
        self._closed.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting(self) -> int:
        """How many offers the database has not taken; after `close`, those that are lost."""
        with self._lock:
            return len(self._notes) + len(self._arrived) + len(self._packed)

    def _work(self) -> None:
        failures = 0
        while not self._closed.is_set():
            if failures:
                self._closed.wait(min(2.0**failures, LONGEST_PAUSE))  # new offers do not bring a database back
            else:
                self._woken.wait()
            self._woken.clear()
            failures = 0 if self._attempt() else failures + 1
        self._attempt()  # what came while the last ones were stored

    def _attempt(self) -> bool:
        """Store what waits; whether the database took it."""
        try:
            self.work_once()
        except Unavailable as error:
            logger.warning("%d offers wait for the database: %s", len(self._packed), error)
            return False
        except Exception as error:  # the boundary of the thread; what it was about is forgotten
            self._packed.clear()
            logger.error("Offers are left out: %s", problem(error).message)
        return True


def phrase_of(region: Region, request: Request) -> str:
    """The text that a region answers; empty where points, boxes or strokes asked."""
    segment = region.segment
    if segment.hint is not None:
        return ""
    if segment.phrase is not None:
        return segment.phrase.text
    return "" if segment.clause is None else request.clauses[segment.clause].text

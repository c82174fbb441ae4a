"""A process that brings up learners and kills them: `python -m tests.backend.learning.kill_worker <url> <kills|pairs>`.

Each learner is a fork: what takes time, the imports, is done once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from backend.learning.run import LearningRun
from backend.store import annotation_rows, revisions, runs
from backend.store.database import Database
from backend.store.revisions import StaleParent
from backend.store.runs import LostLease
from model.runtime.scheduler import Scheduler
from tests.backend.learning.classroom import ASKED, KEY, annotated, by_steps, school_of

LEASE = 0.1  # seconds
WORK = 0.004  # seconds that a step takes
LONGEST_LIFE = 0.2  # seconds


def kills(url: str, times: int) -> None:
    """Kill one learner after the other, and let the last one live. Where a run was finished there is more to learn.

    A busy machine needs more kills to finish the first run.
    """
    chance, annotations, killed = random.Random(0), 0, 0
    while killed < times or annotations < 2:
        killed += 1
        annotations = more(url, annotations)
        child = forked(lambda: life(url))
        time.sleep(chance.uniform(0.0, LONGEST_LIFE))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    ended(forked(lambda: life(url)))


def pairs(url: str, times: int) -> None:
    """Have two learners learn the same at once."""
    for number in range(times):
        tell(url, number + 1)
        for child in [forked(lambda: life(url)) for _ in range(2)]:
            ended(child)


def more(url: str, annotations: int) -> int:
    """Have something annotated where all that there is was judged; how many annotations there are now."""
    if judged(url) < annotations:
        return annotations
    tell(url, annotations + 1)
    return annotations + 1


def tell(url: str, number: int) -> None:
    """Make an annotation."""
    database = Database(url)
    annotated(database, number)
    database.close()


def judged(url: str) -> int:
    """How many verdicts there are."""
    database = Database(url)
    with database.reading() as connection:
        count = len(runs.verdicts(connection, KEY))
    database.close()
    return count


def life(url: str) -> None:
    """Learn until there is nothing to learn: somebody else's lease has to end first."""
    database, lane = Database(url), Scheduler(2)
    school = school_of(database, partial(by_steps, work=lambda _: time.sleep(WORK)), lane, LEASE)
    while not done(school):
        with suppress(StaleParent, LostLease):  # the other one was first, or a busy machine late with its beat
            school.teach(ASKED, f"{os.getpid()} {time.time()}")
        time.sleep(WORK)


def done(school: LearningRun) -> bool:
    """Whether every annotation came to a revision, as each is learned from alone."""
    with school.database.reading() as connection:
        verdicts = runs.verdicts(connection, KEY)
        annotations = verdicts[-1].basis.count if verdicts else 0
        return annotations == wanted(school) and revisions.number_in_force(connection, KEY) == len(verdicts)


def wanted(school: LearningRun) -> int:
    """How many annotations there are."""
    with school.database.reading() as connection:
        return annotation_rows.basis(connection, KEY).count


def forked(work: Callable[[], None]) -> int:
    """Do something in a copy of this process; the copy's number."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(2)
        os._exit(0)
    return child


def ended(child: int) -> None:
    """Wait until a copy is done. Raises RuntimeError where it failed."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise RuntimeError(f"a learner ended with {status}")


if __name__ == "__main__":
    {"kills": kills, "pairs": pairs}[sys.argv[2]](sys.argv[1], int(sys.argv[3]))

"""A process whose children learn until they are killed: `python -m tests.faults.kill_worker URL PROJECT LOG`.

It forks a child for each number that it reads, so that libraries are imported once. The child is a whole app that
learns from the project and kills itself before the statement, or the end of a transaction, with that number. Its
parent prints "killed", or "done" where there was nothing left to learn.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from backend.learning.run import LearningRun
from backend.learning.worker import LearningWorker
from backend.server import app
from backend.settings import Settings
from backend.store import runs
from backend.store.database import Database
from tests.backend.colour_engine import ColourEngine
from tests.faults.lessons import noted
from tests.faults.waiting import until

LEASE = 0.2  # seconds: who is killed is missed this soon


def live(url: str, project: str, log: Path, moment: int) -> None:
    """Learn until everything is judged, or until the kill."""
    learners, database = [], Database(url)
    school = partial(LearningRun, lease=LEASE)
    with (
        patch.object(app, "LearningRun", school),
        patch.object(app, "_learn", noted(log)),
        patch.object(LearningWorker, "start", lambda learner: learners.append(learner)),
    ):
        app.create_app(Settings(database=url, learn_every=0, spool=str(log.with_suffix(".spool"))), load=ColourEngine)
    killed_at(moment)
    until("everything is judged", lambda: judged(learners[0], database, project))


def judged(learner: LearningWorker, database: Database, project: str) -> bool:
    """Learn, unless another life's lease still holds; whether nothing is left to do."""
    learner.start_training(project)
    learner.work_once()
    with database.reading() as connection:
        return runs.current(connection, project) is None


def killed_at(moment: int) -> None:
    """Have this process killed before its statement, or the end of its transaction, with this number."""
    moments, lock = count(1), threading.Lock()

    def die(*_: Any) -> None:
        with lock:
            if next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", die)
    event.listen(Engine, "commit", die)


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        told = {-signal.SIGKILL: "killed", 0: "done"}
        print(told.get(os.waitstatus_to_exitcode(status), "failed"), flush=True)

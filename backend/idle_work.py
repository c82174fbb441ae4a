"""Work that nobody waits for, done when the models have nothing else to do."""

from __future__ import annotations

from collections.abc import Callable

from model.errors import Superseded
from model.runtime.scheduler import Scheduler

IDLE_PATIENCE = 60.0  # seconds that it waits for the lane to be idle
ATTEMPTS = 5  # how often something is tried that clicks keep interrupting


def when_idle(lane: Scheduler, work: Callable[[], object]) -> bool:
    """Do some work, which asks the lane as a prefetch does, and again where a click came in between.

    False where it is given up: there is no end of other work, or the server stops.
    """
    for _ in range(ATTEMPTS):
        if not lane.wait_idle(IDLE_PATIENCE):
            return False
        try:
            work()
            return True
        except Superseded:
            continue
    return False

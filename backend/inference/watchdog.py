"""Somebody who notices that the models hang, where everybody else would wait for them."""

from __future__ import annotations

import logging

from prometheus_client import Counter

from backend.background import BackgroundWorker
from model.runtime.scheduler import Scheduler

logger = logging.getLogger(__name__)

LOOK = 5.0  # seconds between two looks; ours


class Watchdog(BackgroundWorker):
    """Looks after the lane in a thread of its own: a job that hangs is logged once, and nobody waits behind it.

    It ends nothing: /health says what is wrong, and whoever watches that may start the server again.
    """

    def __init__(self, lane: Scheduler, stalls: Counter) -> None:
        super().__init__("watchdog")
        self._lane, self._stalls = lane, stalls
        self._told = False

    def turn(self) -> float:
        """Look, and look again in a while."""
        self.look_once()
        return LOOK

    def look_once(self) -> None:
        """Tell what is wrong when it is seen first, and turn away who waits behind it."""
        trouble = self._lane.trouble
        if trouble:
            self._lane.turn_away(trouble)
        if trouble and not self._told:
            self._stalls.inc()
            logger.error("%s; its thread is here:\n%s", trouble, self._lane.stack())
        if self._told and not trouble:
            logger.warning("The job that hung has come back, and the lane goes on")
        self._told = bool(trouble)

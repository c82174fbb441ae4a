"""Asking again, a little later each time, what Label Studio did not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from model.errors import Unavailable

logger = logging.getLogger(__name__)

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds; ours: Label Studio is restarted in less

T = TypeVar("T")


def patiently(ask: Callable[[], T]) -> T:
    """The answer of `ask`. Raises what it raises; Unavailable only after the last pause."""
    for pause in PAUSES:
        try:
            return ask()
        except Unavailable as error:
            logger.warning("%s; asking again in %g s", error, pause)
            time.sleep(pause)
    return ask()

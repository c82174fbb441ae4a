"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 0.02  # seconds between two looks


def until(what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Look again and again until something has come about; else raises AssertionError."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after {seconds:.0f} s"
        time.sleep(STEP)

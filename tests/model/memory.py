"""How much memory some code needs at its peak."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

RESET, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
measured = pytest.mark.skipif(not RESET.exists(), reason="this system does not tell a process its peak memory")


def growth(code: Callable[[], object]) -> int:
    """Bytes by which this process's resident memory grows at its peak while some code runs."""
    RESET.write_text("5")  # the peak starts anew from what is resident now
    before = _kilobytes("VmRSS")
    result = code()
    grown = _kilobytes("VmHWM") - before
    del result
    return grown * 1024


def _kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1])

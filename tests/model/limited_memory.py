"""An engine in a process that may not grow: `python -m tests.model.limited_memory MEGABYTES...`.

For each number it prints what a large picture gave when the process had so many megabytes left, and whether a small
one was answered as ever when it could grow again.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import numpy as np

from model.engine import Engine
from model.errors import AnywordError
from model.loading import EnginePaths, load_engine
from model.types import Clause, Image, Query
from tests.model.test_engine import two_circles

CIRCLES = Query((Clause("circles"),))


def limit(megabytes: float) -> None:
    """Let this process grow by so much and no more; by any amount where that is infinite."""
    found = re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    most = resource.RLIM_INFINITY if megabytes == float("inf") else int(found[1]) * 1024 + int(megabytes * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def outcome(engine: Engine, image: Image) -> str:
    try:
        return f"{len(engine.segment(image, CIRCLES).segments)} segments"
    except AnywordError as error:
        return type(error).__name__


if __name__ == "__main__":
    loaded, small = load_engine(EnginePaths()), two_circles()
    calm = [segment.mask for segment in loaded.segment(small, CIRCLES).segments]
    large = np.kron(small, np.ones((6, 6, 1), np.uint8))
    for megabytes in sys.argv[1:]:
        fresh = Engine(loaded.models, loaded.config)
        limit(float(megabytes))
        told = outcome(fresh, large)
        limit(float("inf"))
        after = [segment.mask for segment in fresh.segment(small, CIRCLES).segments]
        print(told, "then", "the same" if all(map(np.array_equal, calm, after)) else "another answer")

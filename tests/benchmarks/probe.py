"""Whether a server answers /health at once, whatever else it does; asked in a process that nothing else holds up.

`python -m tests.benchmarks.probe URL` asks until its standard input ends, and prints the seconds of each answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from select import select

import numpy as np
import requests

from backend.server.child_process import ROOT
from tests.benchmarks.figures import Figure

EVERY = 0.1  # seconds between an answer and the next question
PATIENCE = 100.0  # seconds that an answer may take


def main(url: str) -> int:
    """Ask, and print what it took as JSON."""
    spent = []
    while not select([sys.stdin], [], [], EVERY)[0]:
        started = time.monotonic()
        requests.get(f"{url}/health", timeout=PATIENCE).raise_for_status()
        spent.append(time.monotonic() - started)
    print(json.dumps(spent))
    return 0


@contextmanager
def probing(url: str) -> Iterator[list[float]]:
    """Ask until the block ends; the list holds the seconds of each answer from then on."""
    spent: list[float] = []
    program = [sys.executable, "-m", "tests.benchmarks.probe", url]
    with subprocess.Popen(program, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as prober:
        yield spent
        spent += json.loads(prober.communicate()[0])


def slowest(what: str, spent: Sequence[float], budget: float | None) -> Figure:
    """The 99th percentile as a figure in milliseconds."""
    what = f"/health {what}, 99th percentile of {len(spent)}"
    return Figure(what, 1000 * float(np.percentile(spent, 99)), "ms", budget)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

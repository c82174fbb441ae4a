"""Processes that open each of several databases at once: `python -m tests.backend.store.opener PROCESSES URL...`.

They are forked, so that libraries are imported once and all are ready together. What one is refused is printed.
"""

from __future__ import annotations

import sys
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from backend.store.database import Database
from model.errors import Misconfigured


def work(together: Barrier, urls: list[str]) -> None:
    """Open one after the other, each when all are there."""
    for url in urls:
        together.wait()
        try:
            Database(url).close()
        except Misconfigured as error:
            print(error)


if __name__ == "__main__":
    number, urls, context = int(sys.argv[1]), sys.argv[2:], get_context("fork")
    together = context.Barrier(number, timeout=60)
    processes = [context.Process(target=work, args=(together, urls)) for _ in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))

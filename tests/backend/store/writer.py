"""A process that records and learns without end, for tests that kill it: `python -m tests.backend.store.writer URL`.

It forks a child for each line that it reads and prints the child's id, so that libraries are imported once; the child
works until it is killed, and prints each number that it adopted.
"""

from __future__ import annotations

import os
import sys

from backend.store import annotation_rows, revisions, runs
from backend.store.database import Database
from backend.store.revisions import Draft
from tests.backend.store.samples import annotation

KEY = "1.5"


def lessons(number: int) -> bytes:
    """What revision `number` carries: long enough to be written in pieces."""
    return bytes([number % 256]) * 20_000


def work(url: str) -> None:
    """Go on from where the last one was killed."""
    database = Database(url)
    while True:
        with database.writing() as connection:
            parent = revisions.number_in_force(connection, KEY)
            annotation_rows.keep(connection, KEY, annotation(1 + parent % 7, parent + 1, said=str(parent), masks=3))
            run = runs.claim(connection, KEY, annotation_rows.basis(connection, KEY), str(os.getpid()), 0)
            assert run is not None
        with database.writing() as connection:
            runs.save(connection, run, "fold 1", bytes(10_000))
        with database.writing() as connection:
            number = revisions.adopt(connection, KEY, Draft("", {"own": parent + 1}, lessons(parent + 1)), run.parent)
            runs.finish(connection, run, runs.RunVerdict(number, {}, "Better"))
        os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    for _ in sys.stdin:
        if child := os.fork():
            os.write(1, f"{child}\n".encode())
            os.waitpid(child, 0)
            os.write(1, b"dead\n")
        else:
            work(sys.argv[1])

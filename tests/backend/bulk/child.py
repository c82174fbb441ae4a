"""The command with an engine that knows colours, for tests that kill it: `python -m tests.backend.bulk.child`.

With `poisoned` behind it, the engine dies of black pictures.

It forks a child for each line of arguments that it reads, so that libraries are imported once, and prints the child's
id, then its exit status, which is negative where a signal ended it.
"""

from __future__ import annotations

import os
import shlex
import sys
from functools import partial

import label_studio_sdk.client  # noqa: F401

from backend import __main__ as commands
from backend.cli import preannotate
from tests.backend.bulk.poisoned import PoisonedEngine
from tests.backend.colour_engine import ColourEngine

if __name__ == "__main__":
    preannotate.run = partial(preannotate.run, load=PoisonedEngine if "poisoned" in sys.argv else ColourEngine)
    for line in sys.stdin:
        if child := os.fork():
            os.write(1, f"{child}\n".encode())
            os.write(1, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
        else:
            os.dup2(2, 1)  # the report goes where errors go
            sys.exit(commands.main(shlex.split(line), os.environ))

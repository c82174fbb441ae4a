"""A bulk job that is killed again and again (SIGKILL), and goes on each time: figures for soak.py."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.server.child_process import ROOT
from tests.backend.bulk.bulk_site import BulkSite, bulk_site
from tests.backend.webhooks.studio_site import LEGACY
from tests.benchmarks.figures import Figure

KILLS, TASKS = 20, 300
LATE = 0.02  # seconds at most between what a kill waits for and the kill: about what a task takes
MOMENTS = ("fetched", "before", "after")  # a task's picture, and the storing of its prediction


@dataclass(frozen=True, slots=True)
class Strike:
    """When a life ends: `late` seconds after this moment of the first task from `task` on."""

    task: int
    moment: str
    late: float


class Killer:
    """Kills the command that runs, once in each of its lives but the last."""

    def __init__(self, site: BulkSite) -> None:
        self._armed: Strike | None = None
        self._running = 0
        site.fetched = lambda task: self._met(task, "fetched")
        site.before = lambda task: self._met(task, "before")
        site.after = lambda task: self._met(task, "after")

    def arm(self, running: int, strike: Strike | None) -> None:
        """Wait for the next strike at a process."""
        self._running, self._armed = running, strike

    def _met(self, task: int, moment: str) -> None:
        strike = self._armed
        if strike is not None and task >= strike.task and moment == strike.moment:
            self._armed = None
            threading.Timer(strike.late, os.kill, (self._running, signal.SIGKILL)).start()


def figures(folder: Path, seed: int) -> Iterator[Figure]:
    """Pre-annotate a project of a stand-in for Label Studio in as many lives as there are kills, and one more."""
    plan = planned(seed)
    print(f"Kills at random moments, seed {seed}: {[(each.task, each.moment) for each in plan]}", flush=True)
    with bulk_site(TASKS) as site:
        statuses = _lives(site, plan, folder)
    stored = [len(found) for found in site.predictions().values()]
    print(f"Exit statuses {dict(Counter(statuses))}; predictions of a task {dict(Counter(stored))}", flush=True)
    yield Figure("kills that ended the command", statuses.count(-signal.SIGKILL), "", KILLS, least=True)
    yield Figure("exit status of the last life", statuses[-1], "", 0)
    yield Figure(f"tasks without exactly one prediction, of {TASKS}", sum(number != 1 for number in stored), "", 0)
    yield Figure("predictions sent more than once, as nobody knew of the first", len(site.asked) - TASKS, "", None)


def planned(seed: int) -> list[Strike]:
    """Strikes in the order of tasks; the last tasks are left in peace, or the command might end before a kill."""
    chance = random.Random(seed)
    tasks = sorted(chance.sample(range(1, TASKS - 20), KILLS))
    return [Strike(task, chance.choice(MOMENTS), chance.uniform(0, LATE)) for task in tasks]


def _lives(site: BulkSite, plan: list[Strike], folder: Path) -> list[int]:
    """The exit status of each life, negative where a signal ended it."""
    killer, statuses = Killer(site), []
    line = shlex.join(["preannotate", "--url", site.fake.url, "--project", "1"]) + "\n"
    program = [sys.executable, "-m", "tests.backend.bulk.child"]
    own = {"ANYWORD_DATABASE": f"sqlite:///{folder}/own.db", "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            program,
            cwd=ROOT,
            env={**os.environ, **own},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as nursery,
    ):
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for strike in [*plan, None]:
            nursery.stdin.write(line)
            nursery.stdin.flush()
            killer.arm(int(nursery.stdout.readline()), strike)
            statuses.append(int(nursery.stdout.readline()))
    return statuses

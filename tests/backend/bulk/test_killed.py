"""The command is killed in the middle of its tasks, at the worst moments; the next one goes on."""

import os
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

from backend.bulk.orders import ABREAST
from backend.inference.infer import TOGETHER
from tests.backend.bulk.bulk_site import BulkSite, bulk_site
from tests.backend.bulk.poisoned import poison
from tests.backend.site import Answer
from tests.backend.webhooks.studio_site import LEGACY

ROOT = Path(__file__).parents[3]
TASKS = 30
KILLS = {6: "before", 13: "after", 21: "fetched"}  # the moment around the storing of a task's prediction


class Killer:
    """Kills the command that runs, once at each of these tasks."""

    def __init__(self, site: BulkSite) -> None:
        self.left = dict(KILLS)
        self.running: Future[int] = Future()
        site.before = lambda task: self.strike(task, "before")
        site.after = lambda task: self.strike(task, "after")
        site.fetched = lambda task: self.strike(task, "fetched") and None

    def strike(self, task: int, moment: str) -> Answer | None:
        if self.left.get(task) != moment:
            return None
        del self.left[task]
        os.kill(self.running.result(60), signal.SIGKILL)
        return (500, {}, b"") if moment == "before" else None  # what was asked is lost, or stored and not answered


def test_every_task_has_one_prediction_after_three_kills(tmp_path: Path) -> None:
    environ = {**os.environ, "ANYWORD_DATABASE": f"sqlite:///{tmp_path}/own.db", "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY}
    with bulk_site(TASKS) as site, (tmp_path / "log").open("w") as log:
        killer = Killer(site)
        line = shlex.join(["preannotate", "--url", site.fake.url, "--project", "1"]) + "\n"
        program = [sys.executable, "-m", "tests.backend.bulk.child"]
        with subprocess.Popen(
            program, cwd=ROOT, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as nursery:
            assert nursery.stdin is not None
            assert nursery.stdout is not None
            statuses = []
            for _ in range(len(KILLS) + 1):
                killer.running = Future()
                nursery.stdin.write(line)
                nursery.stdin.flush()
                killer.running.set_result(int(nursery.stdout.readline()))
                statuses.append(int(nursery.stdout.readline()))
        assert statuses == [-signal.SIGKILL] * len(KILLS) + [0], (tmp_path / "log").read_text()
        assert not killer.left
        assert {task: len(found) for task, found in site.predictions().items()} == dict.fromkeys(range(1, TASKS + 1), 1)
        assert sorted(site.asked) == sorted([*range(1, TASKS + 1), 6])  # task 6 was asked twice and stored once
        report = r"project 1: (\d+) done, (\d+) skipped, 0 failed"
        [(done, skipped)] = re.findall(report, (tmp_path / "log").read_text())
        assert int(done) + int(skipped) == TASKS
        assert 20 - ABREAST * TOGETHER < int(skipped) < TASKS, "a kill costs no more than what is on the way"


def test_a_picture_that_kills_the_process_costs_itself_alone(tmp_path: Path) -> None:
    """The first run dies with several tasks under way, the second does them one by one, the third names the killer."""
    environ = {**os.environ, "ANYWORD_DATABASE": f"sqlite:///{tmp_path}/own.db", "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY}
    with bulk_site(8) as site, (tmp_path / "log").open("w") as log:
        site.fake.site.routes["/data/5.png"] = poison
        line = shlex.join(["preannotate", "--url", site.fake.url, "--project", "1"]) + "\n"
        program = [sys.executable, "-m", "tests.backend.bulk.child", "poisoned"]
        told = subprocess.run(
            program, cwd=ROOT, env=environ, text=True, input=line * 3, stdout=subprocess.PIPE, stderr=log, check=True
        ).stdout.split()
        assert [int(each) for each in told[1::2]] == [-signal.SIGKILL, -signal.SIGKILL, 1]
        assert {task: len(found) for task, found in site.predictions().items()} == {
            task: int(task != 5) for task in range(1, 9)
        }
    assert "task 5: the process was killed twice while it did this task" in (tmp_path / "log").read_text()

"""The command on a real Ray cluster of several nodes on this machine, some of which are killed while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from backend import __version__
from backend.__main__ import main
from backend.bulk import retry, to_do
from backend.cli import preannotate
from backend.labelstudio import bitmask
from backend.labelstudio import client as client_module
from backend.learning.lesson_codec import Learned, encode
from backend.server.app import terms_of
from backend.server.child_process import ROOT
from backend.settings import Settings
from backend.store import revisions
from backend.store.database import Database
from backend.store.revisions import Draft
from backend.store.tables import offers
from model.types import Lesson
from tests.backend.bulk.bulk_site import BulkSite, bulk_site
from tests.backend.bulk.poisoned import PoisonedEngine, poison
from tests.backend.calls import BITMASK, picture
from tests.backend.clients import version_of
from tests.backend.colour_engine import COLOURS, ColourEngine
from tests.backend.site import Answer
from tests.backend.webhooks.studio_site import LEGACY
from tests.backend.webhooks.told import KEY
from tests.faults.waiting import until

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")
from backend.bulk import actor_pool
from backend.bulk import cluster as cluster_module
from backend.bulk.cluster import IN_FLIGHT

LONGEST = 150.0  # seconds that a test waits for the command; a hang is a failure
QUICK = {  # a node that is gone is missed after a second, not after half a minute
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 200,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
    "worker_niceness": 0,  # actors would hardly start on a busy machine
}
SMALL = {"object_store_memory": 80_000_000, "include_dashboard": False}
GPU, CPU = {"num_gpus": 1, "num_cpus": 0}, {"num_cpus": 1}


@dataclass
class Nodes:
    """A cluster whose head does no work, and the nodes that a test has added."""

    cluster: Any
    added: list[Any] = field(default_factory=list)

    def add(self, **resources: int) -> Any:
        self.added.append(self.cluster.add_node(**SMALL, **resources))
        return self.added[-1]

    def have_one(self) -> None:
        """Some node, which may be left from another test: starting one takes seconds."""
        if not self.added:
            self.add(**CPU)

    def kill(self, node: Any) -> None:
        self.added.remove(node)
        self.cluster.remove_node(node, allow_graceful=False)

    def kill_all(self) -> None:
        for node in list(self.added):
            self.kill(node)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    from ray.cluster_utils import Cluster

    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder,  # short: sockets
    ):
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", str(ROOT))  # of the nodes, on which Anyword is to be found
        patch.delenv("RAY_ADDRESS", raising=False)
        arguments = {**SMALL, "num_cpus": 0, "_system_config": QUICK}
        cluster = Cluster(initialize_head=True, head_node_args=arguments)
        yield Nodes(cluster)
        cluster.shutdown()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(preannotate, "run", partial(preannotate.run, load=ColourEngine))
    monkeypatch.setattr(retry, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(client_module, "PAGE", 10)
    monkeypatch.setattr(client_module, "RETRIES", 0)
    monkeypatch.setattr(actor_pool, "PULSE", 0.2)
    return {"ANYWORD_DATABASE": f"sqlite:///{tmp_path}/own.db", "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY}


def started(site: BulkSite, environ: dict[str, str], *address: str) -> Future[int]:
    """The command in a thread of its own: nodes can be started in the main thread only."""
    arguments = ["preannotate", "--url", site.fake.url, "--project", "1", "--cluster", *address]
    status: Future[int] = Future()
    threading.Thread(target=lambda: status.set_result(main(arguments, environ)), daemon=True).start()
    return status


def stored(site: BulkSite, count: int) -> threading.Event:
    """Comes true when so many predictions were stored."""
    reached, before = threading.Event(), site.after

    def after(task: int) -> Answer | None:
        if len(site.asked) == count:
            reached.set()
        return before(task)

    site.after = after
    return reached


def counts(site: BulkSite) -> set[int]:
    return {len(found) for found in site.predictions().values()}


def teach(url: str) -> None:
    """Let the project look for blue things under the label for red ones."""
    lesson = Learned(terms_of(Settings()).models, {"Red thing": Lesson("1", phrases=("blue",))})
    database = Database(url)
    with database.writing() as connection:
        revisions.adopt(connection, KEY, Draft("a test", {}, encode(lesson)), 0)
    database.close()


def offered(url: str) -> int:
    database = Database(url)
    with database.reading() as connection:
        count = connection.scalar(select(func.count()).select_from(offers))
    database.close()
    return count or 0


def test_killed_nodes_lose_nothing_and_a_new_one_goes_on(
    nodes: Nodes, environ: dict[str, str], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    teach(environ["ANYWORD_DATABASE"])
    nodes.kill_all()
    first, second = nodes.add(num_gpus=2, num_cpus=0), nodes.add(**GPU)
    with bulk_site(60) as site:
        fetched: list[int] = []
        everybody, first_gone, second_gone = (threading.Event() for _ in range(3))

        def fetch(task: int) -> None:
            fetched.append(task)
            if len(fetched) > 2 * IN_FLIGHT:
                everybody.set()
            (first_gone if task <= 30 else second_gone).wait(LONGEST)

        site.fetched = fetch
        moment = stored(site, 15)
        status = started(site, environ, nodes.cluster.address)
        assert everybody.wait(LONGEST)
        nodes.kill(first)
        assert len(fetched) <= 3 * IN_FLIGHT  # no actor has more at a time
        first_gone.set()
        nodes.add(**GPU)
        assert moment.wait(LONGEST)
        nodes.kill(second)
        until("three actors are lost", lambda: caplog.text.count(" is lost, and ") == 3, LONGEST)
        second_gone.set()  # what is left can be done by the new one alone
        assert status.result(LONGEST) == 0
        assert counts(site) == {1}
        assert sorted(site.asked) == list(range(1, 61))
        assert {one["model_version"] for [one] in site.predictions().values()} == {version_of(BITMASK, 1)}
        shapes = [item["value"] for item in site.task(60)["predictions"][0]["result"] if item["type"] == "bitmask"]
        blue = (picture() == COLOURS["blue"]).all(-1)
        assert all(np.array_equal(bitmask.decode(shape["imageDataURL"]), blue) for shape in shapes)
    out = capsys.readouterr().out
    assert "project 1: 60 done, 0 skipped, 0 failed" in out
    assert offered(environ["ANYWORD_DATABASE"]) >= 60


def test_without_any_node_it_ends_and_the_next_run_goes_on(
    nodes: Nodes, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor_pool, "PATIENCE", 0.5)
    nodes.have_one()
    with bulk_site(20) as site:
        moment, released = stored(site, 5), threading.Event()
        site.fetched = lambda task: task > 10 and released.wait(LONGEST)
        status = started(site, environ)
        assert moment.wait(LONGEST)
        nodes.kill_all()
        assert status.result(LONGEST) == 1
        told, done = capsys.readouterr(), len(site.asked)
        assert "the cluster had no node for an actor for 0.5 s; run it again to go on" in told.err
        assert f"project 1: {done} done, 0 skipped, 0 failed" in told.out
        released.set()
        nodes.add(**CPU)
        assert started(site, environ).result(LONGEST) == 0
        assert f"project 1: {20 - done} done, {done} skipped, 0 failed" in capsys.readouterr().out
        assert counts(site) == {1}
        assert sorted(site.asked) == list(range(1, 21))


def test_a_task_that_kills_its_actors_costs_that_task_alone(
    nodes: Nodes, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preannotate, "run", partial(preannotate.run, load=PoisonedEngine))
    monkeypatch.setattr(to_do, "MOST_LOSSES", 2)
    nodes.have_one()
    with bulk_site(6) as site:
        site.fake.site.routes["/data/2.png"] = poison
        assert started(site, environ).result(LONGEST) == 1
        assert {task for task, found in site.predictions().items() if not found} == {2}
        assert sorted(site.asked) == [1, 3, 4, 5, 6]
    assert "task 2: 2 actors of the cluster were lost while they did it" in capsys.readouterr().out


def test_another_version_on_a_node_is_refused(
    nodes: Nodes, environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor_pool, "__version__", "9.9.9")
    nodes.have_one()
    with bulk_site(3) as site:
        assert started(site, environ).result(LONGEST) == 2
        assert site.asked == []
    assert f"it has Anyword {__version__}, and here is 9.9.9" in capsys.readouterr().err


def test_a_dry_run_needs_no_cluster(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with bulk_site(3) as site:
        arguments = ["preannotate", "--url", site.fake.url, "--project", "1", "--dry-run", "--cluster", "127.0.0.1:9"]
        assert main(arguments, environ) == 0
        assert "project 1: 3 to do, 0 skipped, 0 failed" in capsys.readouterr().out
        assert site.asked == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "--cluster 127.0.0.1:9: [Errno 111] Connection refused; run this on a machine of the cluster"),
        ("ray://127.0.0.1:10001", "the address has to be host:port"),
        ("somewhere", "the address has to be host:port"),
    ],
)
def test_a_cluster_that_does_not_answer_is_told_in_one_line(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], address: str, said: str
) -> None:
    with bulk_site(1) as site:
        arguments = ["preannotate", "--url", site.fake.url, "--project", "1", "--cluster", address]
        assert main(arguments, environ) == 1
        assert site.asked == []
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("python -m backend")]
    assert said in line


def test_a_gpu_by_its_number_is_refused(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with bulk_site(1) as site:
        arguments = ["preannotate", "--url", site.fake.url, "--project", "1", "--cluster"]
        assert main(arguments, environ | {"ANYWORD_DEVICE": "cuda:1"}) == 2
    assert "with --cluster each actor has a GPU of its own" in capsys.readouterr().err


def test_actors_are_told_no_secret_that_they_do_not_need() -> None:
    secrets = Settings(database="d", webhook_secret="w", basic_auth_user="u", basic_auth_password="p", queue_size=1)
    assert cluster_module._sent(secrets) == Settings(database="", queue_size=IN_FLIGHT)


def test_a_node_elsewhere_is_refused_where_label_studio_is_on_the_loopback() -> None:
    far, url = cluster_module.ActorPlace("id", "203.0.113.7", 1, 0), "http://localhost:8080/"
    given = cluster_module.RayCluster(Settings(label_studio_url=url), None, gpus=False)
    assert "localhost means each node itself" in given.objection(far)
    assert not replace(given, settings=Settings(label_studio_url="http://studio.example")).objection(far)


def test_the_port_of_another_server_is_no_head(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """It takes connections, and Ray would try for minutes."""
    with bulk_site(1) as site:
        port = site.fake.url.rpartition(":")[2]
        assert started(site, environ, f"127.0.0.1:{port}").result(LONGEST) == 1
    said = capsys.readouterr()
    assert f"--cluster 127.0.0.1:{port}: what answers there is no Ray head" in said.err


def test_an_actor_on_a_gpu_computes_on_its_share_of_the_cpus() -> None:
    node = {"NodeID": "n", "NodeManagerAddress": "h", "Resources": {"CPU": 16.0, "GPU": 4.0}}
    assert [place.threads for place in cluster_module._places(node, gpus=True)] == [4] * 4


def test_a_head_that_is_gone_ends_the_job_with_its_report(tmp_path: Path) -> None:
    """In a process of its own: Ray ends the process that a head is lost to."""
    environ = {**os.environ, "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY, "ANYWORD_DATABASE": f"sqlite:///{tmp_path}/x.db"}
    with bulk_site(400) as site:
        head = tmp_path / "head"

        def strike(task: int) -> None:
            if task == 10 and not (tmp_path / "struck").exists():
                (tmp_path / "struck").touch()
                os.kill(int(head.read_text()), signal.SIGKILL)

        site.after = strike
        command = [sys.executable, "-m", "tests.backend.bulk.headless", site.fake.url, str(head)]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=150, check=False)
        stored = sum(map(len, site.predictions().values()))
    assert done.returncode == 1, done.stderr
    assert "head does not answer any more" in done.stderr
    assert f"project 1: {stored} done" in done.stdout, "the report"

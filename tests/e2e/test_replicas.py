"""Two replicas behind a balancer on one PostgreSQL, beside a real Label Studio: nobody feels it, also when one dies."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from backend.samples import CONFIG, Items, box, label_of, name_of, point, text
from backend.store import annotation_rows, projects, revisions, runs
from backend.store.database import Database
from model.embedded.scenes import Thing
from model.types import Mask
from tests.backend.page.learned import teach
from tests.e2e.balancer import Balancer, balancing
from tests.e2e.conftest import Album
from tests.e2e.corrections import PATIENCE, Classroom
from tests.e2e.editor import Spot
from tests.e2e.label_studio import Project, connect, create_project
from tests.e2e.servers import Address, Backend
from tests.e2e.spots import beside, elsewhere, middle
from tests.e2e.stored import masks_by_label, overlap
from tests.faults.waiting import until
from tests.postgres import Postgres

KEPT = 0.65  # overlap that tells a broken path from a working one
CLICKS = 6  # answered before a replica is killed, and after


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replicas, the balancer before them and the database behind them."""

    replicas: Sequence[Backend]
    balancer: Balancer
    database: Database

    def counted(self, what: str) -> float:
        """A count of Prometheus' page, of both replicas together."""
        pages = [requests.get(f"{replica.url}/metrics", timeout=30).text for replica in self.replicas]
        found = [re.search(rf"^{re.escape(what)} (\S+)$", page, re.MULTILINE) for page in pages]
        return sum(float(each[1]) for each in found if each)


@pytest.fixture(scope="module")
def pair(folder: Path, server: Address, postgres: Postgres) -> Iterator[Pair]:
    url = postgres.make()
    shared = {"ANYWORD_DATABASE": url, "ANYWORD_LEARN_EVERY": "0", "ANYWORD_PRESET_BATCH": "fast"}
    places = [folder / "replica-one", folder / "replica-two"]
    for place in places:
        place.mkdir()
    replicas = [Backend(place, server, **shared) for place in places]
    with ThreadPoolExecutor() as pool:
        list(pool.map(Backend.start, replicas))
    database = Database(url)
    try:
        with balancing([replica.url for replica in replicas]) as balancer:
            yield Pair(replicas, balancer, database)
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Backend.stop, replicas))
        database.close()
        postgres.drop(url)


@pytest.fixture(scope="module")
def project(server: Address, pair: Pair, album: Album) -> Project:
    return connected(server, "replicas", album, pair.balancer.url)


@pytest.fixture(scope="module")
def classroom(project: Project, pair: Pair) -> Classroom:
    return Classroom(project, pair.replicas[0], CONFIG)


def connected(server: Address, title: str, album: Album, url: str) -> Project:
    number = create_project(server, title, CONFIG, album.files)
    answer = connect(server, number, Address(url))
    assert answer.status_code == 201, answer.text
    return Project(server, number, title, int(answer.json()["id"]))


# One object


def test_the_requests_of_one_object_may_go_to_any_replica(
    server: Address, backend: Backend, pair: Pair, project: Project, album: Album
) -> None:
    single = connected(server, "single", album, backend.url)
    scene = album.scenes[0]
    first, second = scene.objects[:2]
    outside = click("p1", beside(first, scene), first, positive=False)
    inside = click("p2", middle(first), first)
    story = [
        text(name_of(first)),
        outside,
        [*outside, *inside],
        [*outside, *inside, *click("p3", elsewhere(first, depth=0.6), first)],
        box(second),
        click("p4", beside(second, scene), second, positive=False),
    ]
    before = len(pair.balancer.predictions())
    shared, alone = ([asked.ask(asked.tasks()[0]["id"], items) for items in story] for asked in (project, single))
    takers = [each.replica for each in pair.balancer.predictions()[before:]]
    assert len(takers) == len(story)
    assert all(one != next for one, next in pairwise(takers))
    for step, (mine, theirs) in enumerate(zip(shared, alone, strict=True)):
        same(step, masks_by_label(mine, first.mask.shape), masks_by_label(theirs, first.mask.shape))
    assert regions(shared[2]) == regions(shared[3]) == regions(shared[1])
    assert min(overlap(shared[3], first), overlap(shared[5], second)) >= KEPT
    assert pair.counted("anyword_sessions_unshared_total") == 0


def click(name: str, spot: Spot, thing: Thing, positive: bool = True) -> Items:
    """A click with the thing's label; the editor keeps the item's id for as long as the point stands."""
    place = {"x": 100 * spot[0], "y": 100 * spot[1]}
    return [{**item, "id": name, "is_positive": positive, "value": {**item["value"], **place}} for item in point(thing)]


def same(step: int, mine: Mapping[str, Mask], theirs: Mapping[str, Mask]) -> None:
    assert mine.keys() == theirs.keys(), step
    assert mine, step
    for label, mask in mine.items():
        assert np.array_equal(mask, theirs[label]), f"{label} at step {step}"


def regions(items: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(item["id"]) for item in items if item["type"] == "bitmask"}


# Learning


def test_an_event_is_recorded_once_and_one_replica_learns(
    pair: Pair, project: Project, classroom: Classroom, album: Album
) -> None:
    tasks = [int(task["id"]) for task in project.tasks()][-2:]
    made = {correct(classroom, task, thing) for task, thing in zip(tasks, things(album)[-2:], strict=True)}
    until("the corrections are known", lambda: made <= known(pair, classroom))
    recorded = 'anyword_events_total{action="ANNOTATION_CREATED",outcome="recorded"}'
    assert (pair.counted(recorded), known(pair, classroom)) == (len(made), made)
    for _ in pair.replicas:
        classroom.train()  # goes to each in turn
    outcomes = [f'anyword_learning_runs_total{{outcome="{name}"}}' for name in ("adopted", "kept", "idle", "failed")]
    until("both replicas looked", lambda: sum(map(pair.counted, outcomes)) >= len(pair.replicas), PATIENCE)
    assert [pair.counted(outcome) for outcome in outcomes] == [0, 1, 1, 0], classroom.verdict()
    with pair.database.reading() as connection:
        [judged] = runs.verdicts(connection, classroom.key)
    assert "more corrected pictures needed" in judged.verdict.reason


def test_a_new_revision_is_served_by_both_replicas_at_once(pair: Pair, classroom: Classroom) -> None:
    first = classroom.version
    with pair.database.reading() as connection:
        known = projects.find(connection, classroom.key)
    assert known is not None
    teach(pair.database, known)
    assert {each.version for each in of_each(pair, classroom)} == {f"{first}-r2"}
    curves = [curve(each) for each in of_each(pair, classroom)]
    assert curves[0] == curves[1] != ""
    with pair.database.writing() as connection:
        revisions.switch(connection, classroom.key, 0)
    assert {each.version for each in of_each(pair, classroom)} == {first}


def of_each(pair: Pair, classroom: Classroom) -> list[Classroom]:
    """The same project as each replica sees it."""
    return [replace(classroom, backend=replica) for replica in pair.replicas]


def curve(classroom: Classroom) -> str:
    """The drawing of the learning curve on the project's page."""
    page = requests.get(f"{classroom.backend.url}/projects/{classroom.key}", timeout=30).text
    return "".join(re.findall(r'<svg class="curve".*?</svg>', page, re.DOTALL))


# One of them dies


def test_a_replica_is_killed_while_everybody_works(
    pair: Pair, project: Project, classroom: Classroom, album: Album
) -> None:
    tasks, corrections = [int(task["id"]) for task in project.tasks()], known(pair, classroom)
    with clicking(project, tasks, things(album)) as (answered, repeated), ThreadPoolExecutor() as pool:
        until("clicks are answered", lambda: len(answered) >= CLICKS, PATIENCE)
        batch: Future[None] = pool.submit(project.predict_all)
        until("the batch is under way", lambda: bool(pair.balancer.predictions(many=True)), PATIENCE)
        [taken] = pair.balancer.predictions(many=True)
        victim = next(replica for replica in pair.replicas if replica.url != taken.replica)
        corrections.add(correct(classroom, tasks[0], things(album)[0]))
        victim.kill()
        corrections.update(
            correct(classroom, task, thing) for task, thing in zip(tasks[1:3], things(album)[1:3], strict=True)
        )
        more = len(answered) + CLICKS
        until("clicks are answered again", lambda: len(answered) >= more, PATIENCE)
        batch.result(PATIENCE)
        victim.start()
        joined = len(pair.balancer.passed)
        until("the killed one joins", lambda: victim.url in takers(pair, joined), PATIENCE)
    died = [each for each in pair.balancer.passed if each.status == 502]
    assert {each.replica for each in died} <= {victim.url}
    assert len(repeated) == len([each for each in died if each.path == "/predict"])
    assert taken.status == 200
    assert [len(task["predictions"]) for task in project.tasks()] == [1] * len(tasks)
    until("nothing is lost", lambda: known(pair, classroom) == corrections)
    with pair.database.reading() as connection:
        assert annotation_rows.pending(connection, 1) == ()


def takers(pair: Pair, start: int) -> set[str]:
    """The replicas that answered a click since then."""
    return {each.replica for each in pair.balancer.passed[start:] if each.path == "/predict" and each.status == 200}


@contextmanager
def clicking(project: Project, tasks: Sequence[int], shown: Sequence[Thing]) -> Iterator[tuple[list[int], list[int]]]:
    """Click without a pause until the block ends: the tasks of answered clicks, and of those that were repeated."""
    over, answered, repeated = threading.Event(), list[int](), list[int]()

    def work() -> None:
        for task, thing in cycle(zip(tasks, shown, strict=True)):
            if over.is_set():
                return
            try:
                items = project.ask(task, point(thing))
            except AssertionError:  # the replica died with it
                repeated.append(task)
                items = project.ask(task, point(thing))
            assert overlap(items, thing) >= KEPT
            answered.append(task)

    with ThreadPoolExecutor() as pool:
        working = pool.submit(work)
        try:
            yield answered, repeated
        finally:
            over.set()
            working.result(PATIENCE)


def things(album: Album) -> list[Thing]:
    """The largest thing of each picture."""
    return [max(scene.objects, key=lambda thing: int(thing.mask.sum())) for scene in album.scenes]


def correct(classroom: Classroom, task: int, thing: Thing) -> int:
    return classroom.correct(task, {label_of(thing): [thing.mask]})


def known(pair: Pair, classroom: Classroom) -> set[int]:
    """The annotations that became facts."""
    with pair.database.reading() as connection:
        return {each.id for each in annotation_rows.annotations(connection, classroom.key)}

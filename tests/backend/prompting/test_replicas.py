"""Two servers on one database behind a balancer: an annotator feels nothing of there being two."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from prometheus_client import CollectorRegistry, Counter
from werkzeug.test import TestResponse

from backend.prompting.drafts import Editor
from backend.prompting.prompts import Prompts
from backend.prompting.sessions import Sessions
from backend.prompting.shared_sessions import SharedSessions
from backend.prompting.task_key import TaskKey
from backend.server.app import close, create_app
from backend.store import database
from backend.store import session_rows as rows
from backend.store.database import Database
from model.types import Clause, Mask, Query
from tests.backend import calls
from tests.backend.annotator import Annotator
from tests.backend.clients import SETTINGS
from tests.backend.items import SIZE, box, point, read_prompts
from tests.backend.pointing_engine import PointingEngine
from tests.backend.prompting.test_sessions import ACTIONS, BLUE, WITH_BACKGROUND
from tests.clocks import ahead_by
from tests.postgres import Postgres

Answered = tuple[Mask, list[str], list[int], str]
TASKS = count(1000)


@dataclass
class Servers:
    """Apps with one engine, asked in turn; `alive` says which."""

    clients: list[Any]
    engine: PointingEngine
    alive: list[int] = field(default_factory=list)

    def post(self, path: str, **more: Any) -> TestResponse:
        """Ask the next one."""
        self.alive.append(self.alive.pop(0))
        answer: TestResponse = self.clients[self.alive[-1]].post(path, **more)
        return answer

    def annotator(self, task: int, name: str = "anna@example.com") -> Annotator:
        return Annotator(self, name, WITH_BACKGROUND, task)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[str]:
    """The URL of a database that replicas share."""
    url = postgres.make()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="module")
def replicas(server: str) -> Iterator[Servers]:
    with_server = replace(SETTINGS, database=server)
    yield from _servers([with_server, with_server])


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    file = tmp_path_factory.mktemp("single") / "own.db"
    yield from _servers([replace(SETTINGS, database=f"sqlite:///{file}")])


def _servers(chosen: list[Any]) -> Iterator[Servers]:
    engine = PointingEngine()
    apps = [create_app(each, load=lambda: engine) for each in chosen]
    yield Servers([app.test_client() for app in apps], engine, list(range(len(apps))))
    for app in apps:
        close(app)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_any_story_is_answered_as_by_a_single_server(
    replicas: Servers, single: Servers, actions: list[tuple[object, ...]]
) -> None:
    task = next(TASKS)
    told, wanted = (story(servers, task, actions) for servers in (replicas, single))
    for mine, theirs in zip(told, wanted, strict=True):
        assert np.array_equal(mine[0], theirs[0])
        assert mine[1:] == theirs[1:]
    assert replicas.engine.seen == single.engine.seen
    assert previous(replicas.engine.seen) == previous(single.engine.seen)


def story(servers: Servers, task: int, actions: list[tuple[object, ...]]) -> list[Answered]:
    """What an annotator gets to see: masks, labels, which regions are new, and what is said."""
    servers.engine.seen.clear()
    servers.engine.given.clear()
    anna, answers, known = servers.annotator(task), [], list[str]()
    for name, *more in actions:
        if name == "drag":
            mask = anna.drag(more[0], more[0], 30, 30, more[1])  # type: ignore[arg-type]
        elif name == "click":
            mask = anna.click(more[0], more[0], more[1], more[2])  # type: ignore[arg-type]
        elif name == "type":
            mask = anna.type(str(more[0]))
        else:
            getattr(anna, str(name))()
            continue
        known += [region for region in anna.ids if region not in known]
        answers.append((mask, anna.labels, [known.index(region) for region in anna.ids], anna.said))
    return answers


def previous(queries: list[Query]) -> list[list[float | None]]:
    """Which answer each hint goes on from, by the logits that come with it."""
    return [
        [None if hint.previous is None else float(hint.previous[0, 0]) for hint in query.hints] for query in queries
    ]


def test_a_click_at_one_replica_goes_on_with_a_text_and_a_click_at_the_other(replicas: Servers) -> None:
    anna, first = replicas.annotator(1), len(replicas.engine.given)
    anna.type("red; blue")
    _, blue = anna.ids
    assert np.array_equal(anna.click(75, 75, label="blue"), BLUE)
    assert anna.ids == [blue]
    anna.click(70, 70, label="blue", positive=False)
    assert anna.ids == [blue]
    [hint] = replicas.engine.seen[-1].hints
    assert replicas.engine.seen[-1].clauses == (Clause("blue", name=True, label="blue"),)
    assert previous(replicas.engine.seen[-3:]) == [[], [first + 1], [first + 2]]
    assert [each.positive for each in hint.points] == [True, False]


def test_what_the_other_replica_could_not_answer_is_known_too(replicas: Servers) -> None:
    anna = replicas.annotator(2)
    anna.click(10, 10, "Background")
    assert anna.said.startswith("only negative points")
    anna.click(25, 25)
    assert sorted(each.positive for each in replicas.engine.seen[-1].hints[0].points) == [False, True]


def test_a_replica_that_died_is_not_missed(replicas: Servers) -> None:
    anna = replicas.annotator(3)
    anna.drag(10, 10, 30, 30)
    survivor = replicas.alive[0]
    replicas.alive = [survivor]
    anna.click(15, 15, "Background")
    [hint] = replicas.engine.seen[-1].hints
    assert (hint.box is not None, [each.positive for each in hint.points]) == (True, [False])
    replicas.alive = [survivor, 1 - survivor]
    anna.click(30, 30)
    assert replicas.engine.seen[-1].hints[0].box is not None
    assert len(replicas.engine.seen[-1].hints[0].points) == 2


def test_a_picture_with_a_relative_address_is_found_where_another_replica_was_told_of_its_server(
    replicas: Servers,
) -> None:
    body = {"project": "77.1795168390", "schema": WITH_BACKGROUND, "hostname": "http://127.0.0.1:9"}
    assert replicas.post("/setup", json=body).status_code == 200
    asked = calls.predict([calls.task(1, "/data/upload/1.png")], context=calls.point(25, 25))
    for _ in range(2):
        answer = replicas.post("/predict", json=asked | {"project": body["project"]})
        [item] = answer.get_json()["results"][0]["result"]
        assert "127.0.0.1:9" in item["value"]["text"][0]


# One task, two replicas


def sessions(shared: Database, counts: CollectorRegistry | None = None) -> Sessions:
    failures = Counter("unshared", "Unshared", registry=counts or CollectorRegistry())
    return Sessions(60, shelf=SharedSessions(shared.sparing(), 60, failures))


def said(*items: Any) -> Prompts:
    found = read_prompts(*items)
    assert found is not None
    return found


def click_at(*places: float) -> Prompts:
    return said(*(point(x, 50) for x in places))


def points_of(known: Sessions, place: TaskKey) -> int:
    """How many points an object has with one more that is not wanted."""
    request, _ = known.fuse(place, said(point(10, 10, label="Background")), Editor(), SIZE)
    return sum(len(hint.points) for hint in request.query.hints)


def test_a_task_that_was_left_is_forgotten_by_every_replica(url: str) -> None:
    opened, place = Database(url), TaskKey("s", "1.1", "1")
    one, other = sessions(opened), sessions(opened)
    one.fuse(place, click_at(50, 60), Editor(), SIZE)
    assert points_of(other, place) == 3
    one.end(place)
    request, turn = other.fuse(place, click_at(70), Editor(), SIZE)
    assert (len(request.query.hints[0].points), turn.session.turn) == (1, 1)
    opened.close()


@pytest.mark.parametrize(
    "other",
    [TaskKey("t", "1.1", "1"), TaskKey("s", "1.2", "1"), TaskKey("s", "1.1", "2"), TaskKey("s", "1.1", "1", "new")],
)
def test_tasks_do_not_mix(url: str, other: TaskKey) -> None:
    opened = Database(url)
    sessions(opened).fuse(TaskKey("s", "1.1", "1"), click_at(50), Editor(), SIZE)
    _, turn = sessions(opened).fuse(other, click_at(50), Editor(), SIZE)
    assert turn.session.turn == 1
    opened.close()


def test_prompts_at_one_moment_on_two_replicas_are_of_one_object(url: str) -> None:
    """Each replica waits for the other to keep what was asked, so the second prompt goes on with the first one's."""
    opened, barrier = Database(url), threading.Barrier(2)
    replicas = [sessions(opened), sessions(opened)]

    def fuse(replica: Sessions, place: TaskKey) -> str:
        barrier.wait(60)
        return replica.fuse(place, click_at(50), Editor(), SIZE)[1].session.number

    with ThreadPoolExecutor(2) as pool:
        for task in range(12):
            numbers = [pool.submit(fuse, each, TaskKey("s", "1.1", f"race-{task}")) for each in replicas]
            assert len({number.result(60) for number in numbers}) == 1
    opened.close()


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(hours=-3)])
def test_replicas_whose_clocks_differ_find_each_others_sessions(
    server: str, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    """Sessions are kept for 20 s here, and one machine is far ahead of the other, or behind it."""
    opened, place = Database(server), TaskKey("s", "1.1", f"clock{ahead}")
    one, other = (
        Sessions(20, shelf=SharedSessions(opened.sparing(), 20, Counter("unshared", "", registry=CollectorRegistry())))
        for _ in range(2)
    )
    with monkeypatch.context() as patch:
        patch.setattr("backend.store.connection.clock.datetime", ahead_by(ahead))
        one.fuse(place, said(box(5, 5, 10, 10)), Editor(), SIZE)
    request, turn = other.fuse(place, said(point(8, 8)), Editor(), SIZE)
    [hint] = request.query.hints
    assert (hint.box is not None, turn.session.turn) == (True, 2)
    opened.close()


def test_while_the_database_is_away_a_replica_goes_on_with_what_it_knows(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "REST", 0.0)
    url, counts, place = postgres.make(), CollectorRegistry(), TaskKey("s", "1.1", "1")
    opened = Database(url, patience=0.5)
    one, other = sessions(opened, counts), sessions(opened)
    one.fuse(place, click_at(50, 60), Editor(), SIZE)
    with closed(postgres, url):
        one.fuse(place, click_at(50, 60, 70), Editor(), SIZE)
        assert points_of(one, place) == 4
        assert counts.get_sample_value("unshared_total") == 2  # each of two requests goes on alone
    assert points_of(one, place) == points_of(other, place) == 4
    opened.close()
    postgres.drop(url)


def test_a_task_that_another_replica_holds_for_too_long_is_answered_alone(server: str) -> None:
    opened, counts, place = Database(server, patience=0.2), CollectorRegistry(), TaskKey("s", "1.1", "held")
    one = sessions(opened, counts)
    one.fuse(place, click_at(50), Editor(), SIZE)
    with opened.writing() as connection:
        rows.hold(connection, place.project, place.digest)
        _, turn = one.fuse(place, click_at(50, 60), Editor(), SIZE)
    assert (turn.session.turn, counts.get_sample_value("unshared_total")) == (2, 1)
    opened.close()


def test_a_database_that_dies_before_a_prompt_is_kept_stops_no_click(server: str) -> None:
    opened, counts, place = Database(server), CollectorRegistry(), TaskKey("s", "1.1", "dying")
    shelf = SharedSessions(opened.sparing(), 60, Counter("unshared", "", registry=counts))
    known = Sessions(60, shelf=shelf)
    known.fuse(place, click_at(50), Editor(), SIZE)
    [session] = known._tasks[place]
    with shelf.held(place, {}) as held, opened.writing() as other:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        other.exec_driver_sql(ending)
        held.ask(session)
    assert counts.get_sample_value("unshared_total") == 1
    opened.close()


@contextmanager
def closed(postgres: Postgres, url: str) -> Iterator[None]:
    """Let nobody into a database, as if its server were away."""
    name = url.rsplit("/", 1)[1]
    with postgres.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'".encode())
        yield
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())

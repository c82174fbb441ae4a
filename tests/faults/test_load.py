"""PostgreSQL restarted under load: no prediction fails, nothing that was taken is lost, and learning goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count, takewhile
from unittest.mock import patch

import numpy as np

from backend.server import app
from tests.backend import calls
from tests.backend.colour_engine import ColourEngine
from tests.faults.lessons import learn
from tests.faults.room import Room, room
from tests.faults.studio import Studio, task
from tests.faults.waiting import until
from tests.postgres import Postgres

MASK = np.zeros((60, 80), np.bool_)
MASK[10:30, 20:50] = True
PICTURE = calls.data_uri(calls.picture())
FEWEST = 10  # events and predictions between two restarts


def test_postgresql_is_restarted_under_load(postgres: Postgres, studio: Studio) -> None:
    url = postgres.make()
    with patch.object(app, "_learn", learn), room(url, ColourEngine(), learn_every=0) as told:
        told.adopt(studio)
        version = told.version(studio)
        taken: list[int] = []
        versions: list[str] = []
        with under_load(told, studio, taken, versions):
            for restart in (postgres.restart, partial(crash, postgres), postgres.restart):
                restart()
                await_more(taken)
                await_more(versions)
        assert set(versions) == {version}
        until("the spool is empty", lambda: set(taken) <= set(told.known(studio)))
        assert told.tell(studio.event("START_TRAINING")).status_code == 200
        until("learning goes on", lambda: told.version(studio) == version.replace("-r1", "-r2"))
    postgres.drop(url)


def crash(postgres: Postgres) -> None:
    """End the server without a goodbye, and start it."""
    postgres.kill()
    postgres.start()


@contextmanager
def under_load(told: Room, studio: Studio, taken: list[int], versions: list[str]) -> Iterator[None]:
    """Send events and ask for predictions without a pause; keeps which events were taken, and each answer's version."""
    over = threading.Event()

    def annotate(first: int) -> None:
        for number in takewhile(lambda _: not over.is_set(), count(first, 2)):
            status = told.tell(studio.annotated(number, task(number, PICTURE), {"red": [MASK]})).status_code
            assert status in (200, 503), status
            taken.extend([number] if status == 200 else [])

    def predict() -> None:
        while not over.is_set():
            answer = told.ask(studio, task(1, PICTURE))
            [prediction] = answer.get_json().get("results") or [{"model_version": answer.status}]
            versions.append(prediction["model_version"])

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(annotate, 1), pool.submit(annotate, 2), pool.submit(predict), pool.submit(predict)]
        try:
            yield
        finally:
            over.set()
        for each in working:
            each.result()


def await_more(sequence: Sequence[object]) -> None:
    """Wait until there are more of them."""
    wanted = len(sequence) + FEWEST
    until("work goes on", lambda: len(sequence) >= wanted)

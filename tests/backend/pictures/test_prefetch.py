"""What is fetched and encoded ahead, when, and that nobody hears of its failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from backend.inference.model_loader import ModelLoader
from backend.inference.predict_request import PredictRequest
from backend.labelstudio import label_config
from backend.pictures.prefetch import Prefetch
from model.errors import Superseded
from model.runtime.scheduler import Priority, Scheduler
from model.types import Answer, Clause, Image, Query
from tests.backend.calls import data_uri, picture, point
from tests.backend.colour_engine import ready
from tests.backend.configs import A
from tests.backend.site import Site, loader, png, status_only

CONFIG = label_config.read(A)


class Watching:
    """An engine that only notes what it is asked to look at."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []
        self.looked = threading.Semaphore(0)
        self.interruptions = 0

    def segment(self, image: Image, query: Query, give_way: Callable[[], None] = lambda: None) -> Answer:
        """Note the picture's size."""
        assert query == Query()
        give_way()
        if self.interruptions:
            self.interruptions -= 1
            raise Superseded("a click came in between", retry_after=1)
        self.seen.append((image.shape[0], image.shape[1]))
        self.looked.release()
        return Answer(())

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: Callable[[], None]
    ) -> tuple[Callable[[], Answer], ...]:
        return tuple(ready(self.segment(image, query, give_way)) for image in images)


class Bench:
    """A prefetch with its lane and engine, told of tasks on a site."""

    def __init__(self, site: Site, prefetch: Prefetch, lane: Scheduler, engine: Watching) -> None:
        self.site, self.prefetch, self.lane, self.engine = site, prefetch, lane, engine

    def ask(self, *tasks: Any, context: Any = None) -> PredictRequest:
        return PredictRequest(tasks, context, CONFIG, self.site.url, "3.17")

    def fetched(self) -> list[str]:
        return [seen.path for seen in self.site.seen]


@pytest.fixture
def bench(site: Site) -> Iterator[Bench]:
    site.routes.update({f"/{number}.png": png for number in range(5)})
    lane, engine = Scheduler(capacity=3), Watching()
    with loader() as images:
        prefetch = Prefetch(images, lane, ModelLoader(lambda: engine), most=2)
        yield Bench(site, prefetch, lane, engine)
        prefetch.close()
    lane.close()


def task(number: int) -> dict[str, Any]:
    return {"id": number, "data": {"image": f"/{number}.png"}}


def test_the_neighbours_of_a_task_that_is_worked_on_are_seen_ahead(bench: Bench) -> None:
    bench.prefetch.asked(bench.ask(*map(task, range(5))))
    bench.prefetch.asked(bench.ask(task(1), context=point(50, 50)))
    assert bench.engine.looked.acquire(timeout=60)
    assert bench.engine.looked.acquire(timeout=60)
    bench.prefetch.asked(bench.ask(task(1), context=point(60, 50)))  # the next click on the same task
    bench.prefetch.close()
    assert bench.fetched() == ["/2.png", "/3.png"]


def test_a_pre_annotation_has_nothing_fetched(bench: Bench) -> None:
    bench.prefetch.asked(bench.ask(*map(task, range(5))))
    bench.prefetch.asked(bench.ask(task(1)))
    bench.prefetch.close()
    assert bench.fetched() == []


def test_a_task_that_was_opened_is_seen_at_once_even_beside_a_batch(bench: Bench) -> None:
    started, go, order = threading.Event(), threading.Event(), list[str]()

    def batch() -> None:
        started.set()
        assert go.wait(60)
        while not bench.engine.seen:
            bench.lane.give_way(Priority.PREANNOTATION)
        order.append("batch")

    running = threading.Thread(target=bench.lane.run, args=(batch, Priority.PREANNOTATION))
    running.start()
    assert started.wait(60)
    opened = {"id": 9, "data": {"image": data_uri(picture())}}
    bench.prefetch.warm(opened, bench.ask(opened))
    go.set()
    running.join(60)
    assert (bench.engine.seen, order) == ([(60, 80)], ["batch"])


def test_a_neighbour_waits_until_the_lane_is_idle(bench: Bench) -> None:
    started, go = threading.Event(), threading.Event()

    def click() -> None:
        started.set()
        assert go.wait(60)

    running = threading.Thread(target=bench.lane.run, args=(click, Priority.INTERACTIVE))
    running.start()
    assert started.wait(60)
    bench.prefetch.asked(bench.ask(task(1), task(2)))
    bench.prefetch.asked(bench.ask(task(1), context=point(50, 50)))
    assert (bench.engine.seen, bench.fetched()) == ([], [])
    go.set()
    assert bench.engine.looked.acquire(timeout=60)
    running.join(60)
    assert bench.fetched() == ["/2.png"]


def test_a_prefetch_that_a_click_interrupts_is_tried_again(bench: Bench) -> None:
    bench.engine.interruptions = 2
    bench.prefetch.asked(bench.ask(task(1), task(2)))
    bench.prefetch.asked(bench.ask(task(1), context=point(50, 50)))
    assert bench.engine.looked.acquire(timeout=60)
    assert (bench.engine.seen, bench.fetched()) == ([(5, 7)], ["/2.png"])


def test_nobody_hears_of_a_failure_and_the_next_task_is_prefetched(bench: Bench) -> None:
    bench.site.routes["/1.png"] = status_only(401)
    for odd in (task(1), "odd", {"id": 1}, {"id": None, "data": {"image": 3}}):
        bench.prefetch.warm(odd, bench.ask(odd))
    bench.prefetch.warm(task(2), bench.ask(task(2)))
    assert bench.engine.looked.acquire(timeout=60)
    assert "/2.png" in bench.fetched()

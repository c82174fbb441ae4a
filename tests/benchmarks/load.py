"""Annotators who click once a second beside a pre-annotation, and what becomes of the server: figures for soak.py."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import requests
from prometheus_client.parser import text_string_to_metric_families

from backend.settings import Settings
from tests.benchmarks.crowd import BUSY, MASK, PATIENCE, PERIOD, Annotator, Click, Office, crowd, drawn, most_tasks
from tests.benchmarks.figures import Figure
from tests.benchmarks.probe import probing, slowest
from tests.benchmarks.server import held_open, served
from tests.benchmarks.watching import Held, Memory, growth, held_when_quiet, watching

THREADS = Settings().threads
ANNOTATORS = 32
BATCH = 500  # tasks of the pre-annotation
CALL = 100  # of them in one call, as Label Studio asks
WARM_UP = 20.0  # seconds of the same load first: pools, caches and libraries' own threads are filled by it
QUIET = 300.0  # seconds that the server may take to become quiet: learning goes on behind the load
PUT_OFF = ("Busy", "Superseded", "NotReached")
WITHIN = 1.0  # seconds for the answer to a click
AT_ONCE = 0.25  # seconds for `Busy`; ours


@dataclass(frozen=True, slots=True)
class Tried:
    """What was seen of a load: the people, seconds of each /health, tasks of the batch predicted, and the memory."""

    people: Sequence[Annotator]
    health: Sequence[float]
    predicted: int
    memory: Memory
    seconds: float

    @property
    def clicks(self) -> list[Click]:
        """Of all annotators."""
        return [click for each in self.people for click in each.clicks]


@dataclass(frozen=True, slots=True)
class Batch:
    """A pre-annotation of many tasks from `first` on, asked for again and again as Label Studio does."""

    office: Office
    first: int
    size: int

    def run(self, end: float) -> int:
        """Ask until all are predicted or the time is over; how many were."""
        waiting = list(range(self.first, self.first + self.size))
        while waiting and time.monotonic() < end:
            response = self.office.ask(waiting[:CALL], [])
            results = response.json()["results"] if response.ok else []
            done = {number for number, result in zip(waiting[:CALL], results, strict=False) if result}
            waiting = [number for number in waiting if number not in done]
            time.sleep(0.0 if response.ok else 1.0)
        return self.size - len(waiting)


def figures(folder: Path, seconds: float) -> Iterator[Figure]:
    """Serve, warm up, load for so many seconds, let it become quiet, and compare."""
    per_crowd = [most_tasks(ANNOTATORS, each) for each in (WARM_UP, seconds)]
    scenes = drawn(folder, sum(per_crowd) + BATCH + CALL)
    with served(folder) as (url, server):
        office = Office(url, folder, scenes)
        requests.post(f"{url}/setup", json=office.studio.setup(), timeout=10).raise_for_status()
        first = sum(per_crowd) + BATCH
        _filled(office)
        _tried(server, WARM_UP, 0, Batch(office, first, CALL))
        before = held_when_quiet(server, QUIET)
        tried = _tried(server, seconds, per_crowd[0], Batch(office, sum(per_crowd), BATCH))
        after = held_when_quiet(server, QUIET, before)
        yield _errors(url)
    yield from _clicks(tried)
    yield from _beside(tried)
    yield from _kept(tried.memory, before, after)


def _filled(office: Office) -> None:
    """Have the server make all its threads and connections at once, which it does when it first needs them."""
    with held_open(office.url, [b"GET /hea"] * 2 * THREADS):
        time.sleep(1.0)
    body = {**office.studio.predict([]), "params": {"context": {"event": "capabilities"}}}
    with ThreadPoolExecutor(THREADS) as pool:
        told = [pool.submit(requests.get, f"{office.url}/versions", timeout=PATIENCE) for _ in range(4 * THREADS)]
        told += [pool.submit(requests.post, f"{office.url}/predict", json=body, timeout=PATIENCE) for _ in told]
    for each in told:
        each.result().raise_for_status()


def _tried(server: psutil.Process, seconds: float, first: int, batch: Batch) -> Tried:
    with ThreadPoolExecutor(1) as pool, probing(batch.office.url) as health:
        bulk: Future[int] = pool.submit(batch.run, time.monotonic() + seconds)
        with watching(server) as memory:
            people = crowd(batch.office, ANNOTATORS, seconds, first)
    return Tried(people, health, bulk.result(), memory, seconds)


def _errors(url: str) -> Figure:
    """What the server counted as wrong with any task or request; prompts and tasks that were put off are none."""
    families = text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=PATIENCE).text)
    errors = next(each.samples for each in families if each.name == "anyword_errors")
    counts = {each.labels["kind"]: each.value for each in errors if each.name == "anyword_errors_total"}
    print(f"Errors that the server counted: {counts}", flush=True)
    return Figure("errors that the server counted", sum(counts[kind] for kind in counts if kind not in PUT_OFF), "", 0)


def _clicks(tried: Tried) -> Iterator[Figure]:
    clicks, kinds = tried.clicks, Counter(click.outcome for click in tried.clicks)
    wrong = {what: number for what, number in kinds.items() if what not in (MASK, BUSY)}
    if wrong:
        print(f"What went wrong with clicks: {wrong}", flush=True)
    answered, busy = (sorted(click.spent for click in clicks if click.outcome == kind) for kind in (MASK, BUSY))
    possible = ANNOTATORS * tried.seconds / PERIOD
    kept = sum(click.outcome == MASK and click.spent <= WITHIN for click in clicks)
    kept += sum(click.outcome == BUSY and click.spent <= AT_ONCE for click in clicks)
    yield Figure("clicks that were neither answered nor `Busy`", sum(wrong.values()), "", 0)
    what = f"clicks answered within {WITHIN:g} s, or `Busy` within {AT_ONCE:g} s"
    yield Figure(what, 100 * kept / len(clicks), "%", 95, least=True)
    yield Figure("clicks made, of those possible at one a second", 100 * len(clicks) / possible, "%", None)
    yield Figure("clicks answered with a mask, each second", len(answered) / tried.seconds, "", None)
    yield Figure("clicks answered `Busy`", 100 * len(busy) / len(clicks), "%", None)
    for share in (50, 95, 99, 100):
        budget = WITHIN if share == 95 else None
        name = "slowest" if share == 100 else f"{share}th percentile"
        yield Figure(f"clicks with a mask, {name}", float(np.percentile(answered or [0], share)), "s", budget)
    yield Figure("`Busy`, 95th percentile", float(np.percentile(busy or [0], 95)), "s", AT_ONCE)


def _beside(tried: Tried) -> Iterator[Figure]:
    submitted = [spent for each in tried.people for spent in each.submitted]
    yield Figure("webhooks with annotations that were not taken", sum(len(each.lost) for each in tried.people), "", 0)
    yield Figure("webhooks with annotations", len(submitted), "", None)
    yield Figure("webhook, 95th percentile", float(np.percentile(submitted or [0], 95)), "s", 1)
    yield slowest("meanwhile", tried.health, None)
    yield Figure(f"tasks of the pre-annotation predicted, of {BATCH}", tried.predicted, "", None)


def _kept(memory: Memory, before: Held, after: Held) -> Iterator[Figure]:
    print(f"Memory in MB, once in ten seconds: {[each // 10**6 for each in memory.samples[::10]]}", flush=True)
    print(f"Before the load {before}\nand after it {after}", flush=True)
    yield Figure("growth of the memory in the second half", 100 * growth(memory.second_half), "%", 5)
    yield Figure("most memory (all processes)", max(memory.samples) / 1e9, "GB", None)
    yield Figure("threads more than before the load", max(0, after.threads - before.threads), "", 0)
    yield Figure("open files more than before the load", max(0, after.files - before.files), "", 0)

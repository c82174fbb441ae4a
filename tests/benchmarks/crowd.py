"""Annotators who click once a second, accept what they get and submit, over HTTP as Label Studio asks for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image as Pictures

from backend import samples
from backend.samples import CONFIG, Items, clear_scenes
from model.embedded.scenes import Scene
from tests.faults.studio import Studio, task

SIDE = 512  # pixels
SCENES = 24  # drawn; every picture is one of them, shifted so that no two are alike
CLICKS = 5  # on each object, one point more each time
PERIOD = 1.0  # seconds between two clicks of an annotator
PATIENCE = 100.0  # seconds that Label Studio waits for an answer
MASK, BUSY = "mask", "busy"


@dataclass(frozen=True, slots=True)
class Click:
    """One click: seconds until its answer, and what that was: MASK, BUSY, or what went wrong."""

    spent: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Office:
    """A backend, a project, and a folder of pictures that the backend reads; `scenes` are what they show."""

    url: str
    folder: Path
    scenes: Sequence[Scene]
    studio: Studio = field(default_factory=lambda: Studio(CONFIG))

    def task(self, number: int) -> dict[str, Any]:
        """The task with this number, from 0."""
        return task(number + 1, f"/data/local-files/?d={number}.jpg")

    def ask(self, numbers: Sequence[int], items: Items) -> requests.Response:
        """Ask for one task with prompts, or for the pre-annotations of several without."""
        params = {"login": None, "password": None, "context": {"result": items} if items else None}
        body = {**self.studio.predict([self.task(number) for number in numbers]), "params": params}
        return requests.post(f"{self.url}/predict", json=body, timeout=PATIENCE)

    def submit(self, number: int, annotation: int, items: Sequence[Mapping[str, Any]]) -> requests.Response:
        """Tell of an annotation by webhook."""
        body = self.studio.with_items(annotation, self.task(number), [dict(item) for item in items])
        return requests.post(f"{self.url}/webhook", json=body, timeout=PATIENCE)

    def points(self, number: int) -> Iterator[Items]:
        """What the clicks on a picture send: on each object one point, then two, and so on, as the editor does."""
        for thing in self.scenes[number % SCENES].objects:
            ys, xs = np.nonzero(_shifted(thing.mask, number))
            drawn = samples.point(thing)
            chosen = np.random.default_rng(number).choice(len(xs), CLICKS)
            marks = [_moved(drawn, at, (int(xs[each]), int(ys[each]))) for at, each in enumerate(chosen)]
            for length in range(1, CLICKS + 1):
                yield [item for mark in marks[:length] for item in mark]


@dataclass(slots=True)
class Annotator:
    """One person with tasks of their own; `submitted`: seconds that webhooks took, `lost`: what became of others."""

    office: Office
    tasks: Iterator[int]
    clicks: list[Click] = field(default_factory=list)
    submitted: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def work(self, begin: float, end: float) -> None:
        """Click at `begin` and every second after it, or at the next one where an answer takes longer."""
        for number in self.tasks:
            accepted: list[Mapping[str, Any]] = []
            for items in self.office.points(number):
                behind = max(0.0, time.monotonic() - begin)
                due = begin + PERIOD * (int(behind / PERIOD) + (1 if behind > 0 else 0))
                if due >= end:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                answer = self._click(number, items)
                if sum(item["type"] == "keypoint" for item in items) == CLICKS:
                    accepted += answer
            self._submit(number, accepted)

    def _click(self, number: int, items: Items) -> list[Mapping[str, Any]]:
        started = time.monotonic()
        try:
            response = self.office.ask([number], items)
        except requests.RequestException as error:  # the boundary of one click: the load goes on, and it is counted
            self.clicks.append(Click(time.monotonic() - started, repr(error)))
            return []
        self.clicks.append(Click(time.monotonic() - started, outcome(response)))
        return masks(response)

    def _submit(self, number: int, accepted: Sequence[Mapping[str, Any]]) -> None:
        started = time.monotonic()
        try:
            self.office.submit(number, number + 1, accepted).raise_for_status()
        except requests.RequestException as error:
            self.lost.append(repr(error))
        else:
            self.submitted.append(time.monotonic() - started)


def crowd(office: Office, size: int, seconds: float, first: int) -> list[Annotator]:
    """Let annotators work for a while, their clicks spread over the second; tasks are counted from `first`."""
    begin = time.monotonic() + 0.5
    people = [Annotator(office, count(first + each, size)) for each in range(size)]
    with ThreadPoolExecutor(size) as pool:
        running = [
            pool.submit(each.work, begin + PERIOD * at / size, begin + seconds) for at, each in enumerate(people)
        ]
    for each in running:
        each.result()
    return people


def most_tasks(size: int, seconds: float) -> int:
    """How many tasks a crowd can get through: a picture has two objects at least."""
    return size * (int(seconds / PERIOD) // (2 * CLICKS) + 1)


def drawn(folder: Path, wanted: int) -> list[Scene]:
    """Write as many pictures as are wanted."""
    scenes = clear_scenes(SCENES, SIDE)
    for number in range(wanted):
        image = Pictures.fromarray(_shifted(scenes[number % SCENES].image, number))
        image.save(folder / f"{number}.jpg", quality=92)
    return scenes


def outcome(response: requests.Response) -> str:
    """MASK, BUSY where the answer says so by status or in the status area, else what the answer says."""
    if response.status_code == 503 and "Retry-After" in response.headers:
        return BUSY
    if not response.ok:
        return f"{response.status_code} {response.reason}"
    if masks(response):
        return MASK
    told = [item["value"]["text"][0] for item in response.json()["results"][0]["result"] if item["type"] == "textarea"]
    return BUSY if told and told[0].startswith("busy") else f"no mask: {told}"


def masks(response: requests.Response) -> list[Mapping[str, Any]]:
    """The items of an answer's regions, without the message; nothing where it failed."""
    if not response.ok:
        return []
    return [item for item in response.json()["results"][0]["result"] if item["type"] != "textarea"]


def _shifted(pixels: Any, number: int) -> Any:
    return np.roll(pixels, 3 * (number // SCENES), axis=1)


def _moved(drawn: Items, at: int, place: tuple[int, int]) -> Items:
    """A point and its label as they would be drawn at a place (x, y) in pixels."""
    x, y = (100 * (each + 0.5) / SIDE for each in place)
    return [{**item, "id": f"point-{at}", "value": {**item["value"], "x": x, "y": y}} for item in drawn]

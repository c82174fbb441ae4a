"""The annotator's loop over HTTP with the embedded models, beside its budgets: `python -m tests.benchmarks.loop`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import cv2
import numpy as np
import requests
from PIL import Image as Pictures

from backend import samples
from backend.labelstudio import bitmask
from backend.samples import CONFIG, Items, clear_scenes
from backend.server.child_process import serving
from model.embedded.scenes import Scene
from model.types import Image
from tests.benchmarks.figures import Figure, show

SIDE = 512
PICTURES = 8
BATCH = 50
CLICKS = 5  # on each picture
LARGE = (3000, 4000)
ACCEPTED = 10
LOOKING = 2.0  # seconds between opening a task and the first click on it
PAUSE = 0.2  # seconds between an answer and the next click


@dataclass(frozen=True, slots=True)
class Room:
    """A backend that runs, and the folder that it reads its pictures from."""

    url: str
    folder: Path

    def body(self, number: int, context: object = None, annotations: Sequence[Any] = ()) -> dict[str, Any]:
        """A request about the picture with this number."""
        task = {"id": number, "data": {"image": f"/data/local-files/?d={number}.jpg"}, "annotations": list(annotations)}
        params = {"login": None, "password": None, "context": context}
        return {"tasks": [task], "project": "1.1795168390", "label_config": CONFIG, "params": params}

    def seconds(self, number: int, items: Items, annotations: Sequence[Any] = ()) -> float:
        """How long a prompt waits for its answer, which has to hold a mask."""
        body = self.body(number, {"result": items}, annotations)
        started = time.perf_counter()
        answer = requests.post(f"{self.url}/predict", json=body, timeout=100)
        spent = time.perf_counter() - started
        assert any(item["type"] == "bitmask" for item in answer.json()["results"][0]["result"]), answer.text[:500]
        return spent

    def predict(self, numbers: Sequence[int]) -> list[Any]:
        """Ask for pre-annotations of several pictures in one call, as Label Studio does."""
        body = {**self.body(0), "tasks": [task for number in numbers for task in self.body(number)["tasks"]]}
        results: list[Any] = requests.post(f"{self.url}/predict", json=body, timeout=100).json()["results"]
        return results

    def tell(self, event: str, number: int) -> None:
        """Send an event of newer servers."""
        requests.post(f"{self.url}/predict", json=self.body(number, {"event": event}), timeout=10).raise_for_status()


def main() -> int:
    """Measure, print the table, and return 1 where a budget is exceeded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = _drawn(folder)
        settings = {"ANYWORD_LOCAL_FILES_ROOT": name, "ANYWORD_PREFETCH": "0"}
        with serving(settings, folder / "log") as url:
            room = Room(url, folder)
            figures = [*_clicks(room, scenes), *_large(room, scenes[0]), *_beside_a_batch(room, scenes)]
    return show("From click to answer, 512 px pictures, embedded models", figures)


def _clicks(room: Room, scenes: Sequence[Scene]) -> Iterator[Figure]:
    """The first picture also pays for the libraries' own start, so it is left out."""
    room.seconds(0, _click(scenes[0], 0))
    firsts = []
    for number, scene in list(enumerate(scenes))[1:]:
        room.tell("prewarm", number)
        time.sleep(LOOKING)
        firsts.append(room.seconds(number, _click(scene, 0)))
    later = [room.seconds(number, _click(scenes[number], each)) for number in range(PICTURES) for each in range(CLICKS)]
    yield Figure("first click on a prefetched picture, median", median(firsts), "s", 0.2)
    yield Figure("later clicks, median", median(later), "s", 0.12)


def _large(room: Room, scene: Scene) -> Iterator[Figure]:
    """A 12-megapixel picture, with and without ten accepted masks, whose PNGs travel with every click."""
    number = PICTURES + BATCH
    enlarged = cv2.resize(scene.image, LARGE[::-1], interpolation=cv2.INTER_CUBIC)
    _write(room.folder, number, np.asarray(enlarged, np.uint8))
    room.seconds(number, _click(scene, 0))
    mask = cv2.resize(scene.objects[0].mask.astype(np.uint8), LARGE[::-1], interpolation=cv2.INTER_NEAREST) > 0
    value = {"imageDataURL": bitmask.encode(mask)}
    region = {"type": "bitmask", "from_name": "mask", "to_name": "image", "value": value}
    accepted = [{"id": 1, "result": [{"id": f"{each:032x}", **region} for each in range(ACCEPTED)]}]
    rounds = range(3 * CLICKS)  # in turn, so that a busy machine slows both down
    pairs = [
        (room.seconds(number, _click(scene, each)), room.seconds(number, _click(scene, each), accepted))
        for each in rounds
    ]
    alone, beside = (median(times) for times in zip(*pairs, strict=True))
    yield Figure("a click on a seen 12-megapixel picture, median", alone, "s", 0.3)
    yield Figure(f"the same with {ACCEPTED} accepted masks, over that", beside / alone, "times", 1.2)


def _beside_a_batch(room: Room, scenes: Sequence[Scene]) -> Iterator[Figure]:
    """Clicks on seen pictures while a batch of new ones is predicted, one click after the other as a person does."""
    spent: list[float] = []
    with ThreadPoolExecutor(1) as pool:
        batch: Future[list[Any]] = pool.submit(room.predict, range(PICTURES, PICTURES + BATCH))
        started = time.perf_counter()
        while not batch.done():
            number = len(spent) % PICTURES
            spent.append(room.seconds(number, _click(scenes[number], len(spent))))
            time.sleep(PAUSE)
        took, reached = time.perf_counter() - started, sum(bool(each) for each in batch.result())
    fresh = [room.seconds(PICTURES + each, _click(scenes[each], 0)) for each in range(min(PICTURES, reached))]
    slow = quantiles(spent, n=20)[-1]
    yield Figure(f"a click beside a batch of {BATCH}, 95th percentile of {len(spent)}", slow, "s", 0.5)
    yield Figure(f"the batch's answer, {reached} of {BATCH} tasks reached", took, "s", 95)
    yield Figure("first click on a picture of the batch, median", median(fresh), "s", 0.2)


def _drawn(folder: Path) -> list[Scene]:
    """Pictures to click on, and as many others for the batch as it needs, shifted so that no two are alike."""
    scenes = clear_scenes(PICTURES, SIDE)
    for number in range(PICTURES + BATCH):
        scene = scenes[number % PICTURES]
        _write(folder, number, np.roll(scene.image, number // PICTURES, axis=1))
    return scenes


def _write(folder: Path, number: int, image: Image) -> None:
    Pictures.fromarray(image).save(folder / f"{number}.jpg", quality=92)


def _click(scene: Scene, number: int) -> Items:
    return samples.point(scene.objects[number % len(scene.objects)])


if __name__ == "__main__":
    sys.exit(main())

"""Speed and memory over HTTP with the embedded models, beside their budgets: `python -m tests.benchmarks.http`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import requests

from backend import samples
from backend.samples import CONFIG, Items, clear_scenes, name_of
from backend.server.child_process import ROOT, free_port
from model.embedded.scenes import Scene
from tests.benchmarks.codec import timings
from tests.benchmarks.figures import Figure, show

SIDE = 512
PICTURES = 12
PROBES = 15


def main() -> int:
    """Measure, print the table, and return 1 where a budget is exceeded."""
    return show("Medians, 512 px pictures, embedded models", [*_served(), *_codec()])


def _served() -> Iterator[Figure]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command, (scene,) = [sys.executable, "-m", "backend", "serve", "--port", str(port)], clear_scenes(1, SIDE)
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield Figure("port open and /health answered after the start", _answered(f"{url}/health", started), "s", 3)
            _seconds(url, scene, samples.point(scene.objects[0]))
            yield Figure("first click answered after the start", time.perf_counter() - started, "s", 10)
            yield Figure("ready after the start", _answered(f"{url}/ready", started), "s", 15)
            yield from _predictions(url)
            yield Figure("most memory (all processes)", _peak_memory(process.pid), "GB", 2.5)
        finally:
            process.terminate()
            process.wait(60)


def _predictions(url: str) -> Iterator[Figure]:
    scenes = clear_scenes(PICTURES, SIDE)
    _seconds(url, scenes[0], samples.text("the brown dog"))  # the first one also pays for the libraries' own start
    asked = [name_of(scene.objects[0]) for scene in scenes]
    fresh = [_seconds(url, scene, samples.text(text)) for scene, text in list(zip(scenes, asked, strict=True))[1:]]
    other = [_seconds(url, scene, samples.text(name_of(scene.objects[-1]))) for scene in scenes]
    points = [_seconds(url, scene, samples.point(thing)) for scene in scenes for thing in scene.objects]
    boxes = [_seconds(url, scene, samples.box(thing)) for scene in scenes for thing in scene.objects]
    yield Figure("text on a new picture", median(fresh), "s", 1.5)
    yield Figure("another text on the same picture", median(other), "s", 0.7)
    yield Figure("a point on a seen picture", median(points), "s", 0.15)
    yield Figure("a box on a seen picture", median(boxes), "s", 0.15)
    setup = {"project": "1.1", "schema": CONFIG, "hostname": "", "access_token": ""}
    yield Figure("/health while predictions run", 1000 * _beside(url, lambda: requests.get(f"{url}/health")), "ms", 20)
    yield Figure(
        "/setup while predictions run", 1000 * _beside(url, lambda: requests.post(f"{url}/setup", json=setup)), "ms", 20
    )


def _seconds(url: str, scene: Scene, items: Items) -> float:
    body = samples.request(scene.image, items)
    started = time.perf_counter()
    requests.post(f"{url}/predict", json=body, timeout=100).raise_for_status()
    return time.perf_counter() - started


def _beside(url: str, probe: Callable[[], Any]) -> float:
    """Median time of a probe while pre-annotations of new pictures run."""
    pictures = [np.roll(scene.image, 7, axis=1) for scene in clear_scenes(PICTURES, SIDE)]
    bodies = [samples.request(np.ascontiguousarray(picture), []) for picture in pictures]
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(requests.post, f"{url}/predict", json=body, timeout=100) for body in bodies]
        spent: list[float] = []
        while len(spent) < PROBES and not all(job.done() for job in running):
            started = time.perf_counter()
            probe()
            spent.append(time.perf_counter() - started)
            time.sleep(0.1)  # spread over the predictions
    return median(spent)


def _answered(url: str, started: float) -> float:
    """Seconds from `started` until the address answers 200."""
    while not _ok(url):
        time.sleep(0.02)
    return time.perf_counter() - started


def _ok(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def _peak_memory(pid: int) -> float:
    """Peak resident memory in GB of a process and its children (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = [Path(f"/proc/{number}/status").read_text().splitlines() for number in (str(pid), *children)]
    peaks = [int(line.split()[1]) for status in lines for line in status if line.startswith("VmHWM")]
    return sum(peaks) * 1024 / 1e9


def _codec() -> Iterator[Figure]:
    """Run-length code of a 4000 x 3000 mask, ours and the SDK's in turn."""
    y, x = np.mgrid[0:3000, 0:4000]
    blobs = np.hypot(x - 2000, y - 1500) < 1200 + 60 * np.sin(x / 40) * np.cos(y / 55)
    runs: Sequence[dict[str, float]] = [timings(blobs) for _ in range(5)]
    for what in ("encode", "decode"):
        ours, sdk = (median(run[name] for run in runs) for name in (what, f"{what}_sdk"))
        yield Figure(f"RLE {what}, 4000 x 3000: {ours:.3f} s, the SDK {sdk:.3f} s", sdk / ours, "times", 5, least=True)


if __name__ == "__main__":
    sys.exit(main())

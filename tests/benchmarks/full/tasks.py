"""`/predict` of 64 tasks, a server of our own: one request beside 64 requests of one task.

The textbook is the same server asked the plain way: each task on its own, the next when the last is answered, so that
nothing shares a call and no picture is fetched while another is computed. Each way has a server to itself, since a
server remembers its pictures, and pictures take a tenth of a second to come, as over a network. On a CPU it has the
embedded models; on a GPU, which these would not keep busy, Stable Diffusion 2.1's and SAM ViT-H's geometry with random
weights, which find something everywhere.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import psutil  # type: ignore[import-untyped]
import requests
from PIL import Image as Pictures

from backend import samples
from backend.samples import CONFIG, clear_scenes
from model.geometry import iou
from tests.backend import site
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import models
from tests.benchmarks.full.measure import Setting, utilisation
from tests.benchmarks.full.rows import Row, Section
from tests.benchmarks.server import served

TASKS, FEW = 64, 6
WARM = {"cpu": 1, "cuda": 9}  # tasks before any counts: on a GPU every number of rows is recorded once
SIDE = 512
DELAY = 0.1  # seconds that a picture takes to come
PATIENCE = 110.0  # seconds for one answer; the server gives a batch 95
LEAST_OVERLAP = 0.99
LEAST_BUSY = 0.85
Prediction = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What one way of asking brought: a prediction for each task, seconds, the server's processor time, requests."""

    predictions: Sequence[Prediction]
    seconds: float
    computed: float
    requests: int

    busy: float  # share of all cores' time that the server computed; on a GPU of the time that the card did


def section(setting: Setting) -> Section:
    """Seconds of a task, how busy the cores or the card were, and whether both ways find the same."""
    device, warm = setting.device.type, WARM[setting.device.type]
    with pictures((FEW if setting.small else TASKS) + warm) as addresses:
        together, singly = (answered(setting, addresses, size) for size in (len(addresses) - warm, 1))
    count = len(together.predictions)
    what = f"a task of {count} in one request (textbook: a request each)"
    yield Row(what, "s", together.seconds / count, singly.seconds / count)
    yield Row("  processor time of a task", "s", together.computed / count, singly.computed / count)
    who = "the card" if device == "cuda" else f"{len(os.sched_getaffinity(0))} cores"
    yield Figure(f"share of {who} that is busy in one request", together.busy, "", LEAST_BUSY, least=True)
    yield Figure("  in requests of one task", singly.busy, "", None)
    yield Figure("requests until every task was answered", together.requests, "", 1)
    overlaps = [overlap(*pair) for pair in zip(together.predictions, singly.predictions, strict=True)]
    yield Figure("tasks with any region", sum(bool(each["result"]) for each in singly.predictions), "", None)
    yield Figure("regions", sum(len(each["result"]) for each in singly.predictions), "", None)
    least = (
        LEAST_OVERLAP if device == "cpu" else None
    )  # batches of other sizes round differently, and noise is cut there
    yield Figure("least IoU of the tasks' labels, one request and many", min(overlaps), "", least, least=True)


@contextmanager
def pictures(count: int) -> Iterator[list[str]]:
    """Addresses of so many pictures, of scenes; each takes its time to come."""
    with site.serving() as server:
        for number, scene in enumerate(clear_scenes(count, SIDE)):
            server.routes[f"/{number}.png"] = partial(_sent, site.file_of(Pictures.fromarray(scene.image)))
        yield [server.url + path for path in server.routes]


def answered(setting: Setting, addresses: Sequence[str], size: int) -> Answered:
    """Ask a fresh server about all pictures but the last ones, so many at a time; the last ones only warm it up."""
    tasks = [{"id": number, "data": {"image": url}} for number, url in enumerate(addresses, 1)]
    counted = len(tasks) - WARM[setting.device.type]
    sampled = utilisation() if setting.device.type == "cuda" else nullcontext(list[float]())
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), **settings_of(setting)) as (url, process):
        asked(url, tasks[counted:])
        with sampled as shares:
            before, began = computed(process), time.perf_counter()
            found, count = every(url, tasks[:counted], size)
            seconds, spent = time.perf_counter() - began, computed(process) - before
    busy = fmean(shares) if shares else spent / seconds / len(os.sched_getaffinity(0))
    return Answered(found, seconds, spent, count, busy)


def settings_of(setting: Setting) -> dict[str, str]:
    """The server's."""
    settings = {
        "ANYWORD_IMAGE_HOSTS": "127.0.0.1/32",
        "ANYWORD_PRESET_BATCH": "fast",
        "ANYWORD_BATCH_DEADLINE": "95",
        "ANYWORD_DEVICE": str(setting.device),
        "ANYWORD_DTYPE": setting.type_name,
    }
    if setting.device.type == "cpu" or setting.small:
        return settings
    full = {"ANYWORD_BACKBONE": models.backbone_folder("sd21"), "ANYWORD_SEGMENTER": models.segmenter_folder("vit_h")}
    return settings | {name: str(folder) for name, folder in full.items()}


def every(url: str, tasks: Sequence[Mapping[str, Any]], size: int) -> tuple[list[Prediction], int]:
    """Predictions of all tasks in order, and the requests they took: those not reached are asked for again."""
    found: dict[int, Prediction] = {}
    count = 0
    while waiting := [task for task in tasks if task["id"] not in found]:
        answers = asked(url, waiting[:size])
        new = {task["id"]: answer for task, answer in zip(waiting[:size], answers, strict=True) if answer}
        assert new, "each request answers some task"
        found, count = found | new, count + 1
    return [found[task["id"]] for task in tasks], count


def asked(url: str, tasks: Sequence[Mapping[str, Any]]) -> list[Prediction]:
    """What a pre-annotation of these tasks answers; empty for a task without a prediction."""
    body = {"tasks": tasks, "project": "1.1795168390", "label_config": CONFIG, "params": {"context": None}}
    response = requests.post(f"{url}/predict", json=body, timeout=PATIENCE)
    response.raise_for_status()
    predictions: list[Prediction] = response.json()["results"]
    return predictions


def computed(process: psutil.Process) -> float:
    """Seconds of processor time of a server and its children."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def overlap(one: Prediction, other: Prediction) -> float:
    """The least IoU of a label's mask in two predictions; 0 for a label that only one has, 1 where neither has any."""
    first, second = (samples.masks_by_label(each["result"], (SIDE, SIDE)) for each in (one, other))
    if first.keys() != second.keys():
        return 0.0
    return min((iou(first[label], second[label]) for label in first), default=1.0)


def _sent(picture: bytes, _: site.Seen) -> site.Answer:
    time.sleep(DELAY)
    return 200, {"Content-Type": "image/png", "Content-Length": str(len(picture))}, picture

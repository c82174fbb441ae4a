"""`make demo`: the real server answers sample prompts over HTTP, and the known truth judges its masks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
import requests

from backend.samples import Items, PromptSample, clear_scenes, masks_by_label, request, samples
from backend.server.child_process import serving
from model.embedded.scenes import Scene
from model.types import Image, Mask
from model.visualize import heat, overlay

SCENES = 4
SIDE = 512
# Means below these say that something is broken; how good the embedded models are stands in the model card.
LEAST_IOU = {"text": 0.8, "point": 0.75, "box": 0.85, "pre-annotation": 0.6}
TEMPLATE = Path(__file__).with_name("demo.html")


@dataclass(frozen=True, slots=True)
class DemoMap:
    """Where the model saw a phrase, as a picture file."""

    phrase: str
    file: str


@dataclass(frozen=True, slots=True, eq=False)
class DemoRow:
    """One prompt and what came of it."""

    scene: Scene
    sample: PromptSample
    labels: str
    iou: float
    milliseconds: float
    overlay: str
    maps: tuple[DemoMap, ...] = ()


def show(out: Path) -> int:
    """Ask the server about a few scenes, write pictures and a page to `out`, and print a table.

    Returns the exit status: 1 where the masks are too far from the truth, 2 where nothing can be written to `out`.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"python -m backend demo: --out is {str(out)!r}, but cannot be made: {error.strerror}", file=sys.stderr)
        return 2
    print("Starting the server with the embedded models ...", flush=True)
    with serving({}, out / "server.log") as url:
        rows = [_ask(url, scene, sample, out) for scene in clear_scenes(SCENES, SIDE) for sample in samples(scene)]
    rows = _with_maps(rows, out)
    (out / "index.html").write_text(_page(rows), encoding="utf-8")
    print(_table(rows))
    failures = list(_failures(rows))
    print("\n".join([*failures, f"Pictures and maps: {out / 'index.html'}"]))
    return 1 if failures else 0


def _ask(url: str, scene: Scene, sample: PromptSample, out: Path) -> DemoRow:
    """Send one prompt as Label Studio would, and draw the answer."""
    body = request(scene.image, sample.items)
    started = time.perf_counter()
    response = requests.post(f"{url}/predict", json=body, timeout=100)
    milliseconds = 1000 * (time.perf_counter() - started)
    if not response.ok:
        raise RuntimeError(f"{sample.kind} {sample.prompt!r}: {response.status_code} {response.reason}")
    [prediction] = response.json()["results"]
    masks = masks_by_label(prediction["result"], scene.image.shape[:2])
    name = f"{scene.seed}-{sample.kind}-{sample.prompt.replace(' ', '-')}.png"
    _write(out / name, _drawn(scene.image, list(masks.values()), sample.items))
    score = sample.score(prediction["result"])
    return DemoRow(scene, sample, ", ".join(masks) or "nothing", score, milliseconds, name)


def _with_maps(rows: Sequence[DemoRow], out: Path) -> list[DemoRow]:
    """Add the maps, which no answer over HTTP carries: an engine of our own makes them."""
    from model.loading import EnginePaths, load_engine  # torch comes with it: not before the server has gone

    engine = load_engine(EnginePaths())
    return [replace(row, maps=_maps(engine, row, out)) if row.sample.kind == "text" else row for row in rows]


def _maps(engine: Any, row: DemoRow, out: Path) -> tuple[DemoMap, ...]:
    from model.types import Clause, Query

    findings = engine.segment(row.scene.image, Query((Clause(row.sample.prompt),))).findings
    maps = [DemoMap(found.phrase.text, f"{row.overlay[:-4]}-map-{at}.png") for at, found in enumerate(findings)]
    for drawn, found in zip(maps, findings, strict=True):
        _write(out / drawn.file, heat(found.scores, (SIDE, SIDE)))
    return tuple(maps)


def _drawn(image: Image, masks: Sequence[Mask], items: Items) -> Image:
    """The picture with the masks, and the points and boxes that were drawn."""
    picture = overlay(image, masks)
    for item in items:
        _mark(picture, item)
    return picture


def _mark(picture: Image, item: Mapping[str, Any]) -> None:
    value, (height, width) = item["value"], picture.shape[:2]
    if item["type"] == "keypoint":
        centre = (round(value["x"] * width / 100), round(value["y"] * height / 100))
        cv2.circle(picture, centre, 7, (255, 255, 255), -1)
        cv2.circle(picture, centre, 7, (0, 0, 0), 2)
    if item["type"] == "rectangle":
        corner = (round(value["x"] * width / 100), round(value["y"] * height / 100))
        size = (round(value["width"] * width / 100), round(value["height"] * height / 100))
        cv2.rectangle(picture, (*corner, *size), (255, 255, 255), 2)


def _write(path: Path, picture: Image) -> None:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _page(rows: Sequence[DemoRow]) -> str:
    scenes = [(seed, list(group)) for seed, group in groupby(rows, lambda row: row.scene.seed)]
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(TEMPLATE.read_text())
    return template.render(scenes=scenes)


def _table(rows: Sequence[DemoRow]) -> str:
    widest = max(len(row.sample.prompt) for row in rows)
    head = f"{'kind':14}  {'prompt':{widest}}  {'label':24}  {'IoU':>5}  {'ms':>6}"
    lines = [
        f"{row.sample.kind:14}  {row.sample.prompt:{widest}}  {row.labels:24}  {row.iou:5.2f}  {row.milliseconds:6.0f}"
        for row in rows
    ]
    return "\n".join([head, *lines])


def _failures(rows: Sequence[DemoRow]) -> Iterator[str]:
    """Print the mean of each kind, and give those that are too low."""
    for kind, least in LEAST_IOU.items():
        mean = float(np.mean([row.iou for row in rows if row.sample.kind == kind]))
        print(f"mean IoU, {kind}: {mean:.2f} (at least {least:.2f})")
        if mean < least:
            yield f"FAILED: the mean IoU of {kind} is {mean:.2f}, below {least:.2f}"

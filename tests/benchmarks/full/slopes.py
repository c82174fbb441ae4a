"""Cost by phrases of one text and by pictures, at Stable Diffusion 2.1's size: the slopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from model.engine import Engine
from tests.benchmarks.figures import Figure
from tests.benchmarks.full.measure import busy, measured
from tests.benchmarks.full.path import Bench, maps_of, ours, textbook
from tests.benchmarks.full.rows import Row

COUNTS = (1, 2, 4, 8, 16)
TASKS = (1, 2, 4)


def phrases(bench: Bench) -> Iterator[Row | Figure]:
    """Cost by phrases of one text; the textbook asks for one at a time, and from four on that is only more of it."""
    spent = {}
    for count in COUNTS:
        wording = bench.words(count)
        spent[count] = ours(bench, wording).maps.seconds
        their = textbook(bench, wording).maps.seconds if count <= 2 else None
        yield Row(f"{bench.setting.type_name}: latents to maps, phrases in one text: {count}", "s", spent[count], their)
    slope = (spent[COUNTS[-1]] - spent[COUNTS[0]]) / (COUNTS[-1] - COUNTS[0])
    yield Figure("one more phrase, as a share of the first", slope / spent[COUNTS[0]], "", 1)


def tasks(bench: Bench) -> Iterator[Row | Figure]:
    """Cost by pictures, each with a text of its own."""
    wording, device, spent = bench.words(1), bench.setting.device, {}
    pictures = [np.roll(bench.image, 16 * number, axis=1) for number in range(TASKS[-1])]

    def located(engine: Engine, count: int) -> None:
        for picture in pictures[:count]:
            maps_of(engine.sight, engine.see(picture), wording)

    for count in TASKS:
        engine = bench.fresh()
        spent[count] = measured(lambda engine=engine, count=count: located(engine, count), device).seconds  # type: ignore[misc]
        yield Row(f"{bench.setting.type_name}: the whole path for {count} tasks", "s", spent[count])
    engine = bench.fresh()
    yield Figure("share of the time that the device computes", busy(lambda: located(engine, 2), device), "", 0.85, True)
    slope = (spent[TASKS[-1]] - spent[TASKS[0]]) / (TASKS[-1] - TASKS[0])
    yield Figure("one more task, as a share of the first", slope / spent[TASKS[0]], "", 1.05)

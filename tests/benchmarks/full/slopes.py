"""Cost by phrases of one text and by pictures, at Stable Diffusion 2.1's size: the slopes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from model.grounding.features import TextQuestion
from model.grounding.localize import locate
from tests.benchmarks.figures import Figure
from tests.benchmarks.full.measure import busy, measured
from tests.benchmarks.full.path import Bench, ours, textbook
from tests.benchmarks.full.rows import Row

COUNTS = (1, 2, 4, 8, 16)
TASKS = {"cpu": (1, 2, 4), "cuda": (1, 2, 4, 8)}


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


def tasks(bench: Bench, floor: float) -> Iterator[Row | Figure]:
    """Cost by pictures that are asked about together; floor: seconds of one picture's."""
    wording, device, spent = bench.words(1), bench.setting.device, {}
    counts, name = TASKS[device.type], bench.setting.type_name
    seen = [bench.fresh().see(np.roll(bench.image, 16 * number, axis=1)) for number in range(counts[-1])]

    def located(count: int) -> None:
        locate(bench.fresh().sight, [TextQuestion(each, wording) for each in seen[:count]], lambda: None)

    for count in counts:
        spent[count] = measured(partial(located, count), device).seconds
        yield Row(f"{name}: the whole path for {count} tasks", "s", spent[count], floor=count * floor)
    share = busy(partial(located, counts[-1]), device)
    yield Figure("share of the time that the device computes", share, "", 0.85, True)
    slope = (spent[counts[-1]] - spent[counts[0]]) / (counts[-1] - counts[0])
    yield Figure("one more task, as a share of the first", slope / spent[counts[0]], "", 1.05)

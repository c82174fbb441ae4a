"""The iSeg path at Stable Diffusion 2.1's size: a picture's latents, attention maps of a text, refined maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from model.text.prompt_text import Wording
from tests.benchmarks.figures import Figure
from tests.benchmarks.full.alike import equal, nearness
from tests.benchmarks.full.half import emulated
from tests.benchmarks.full.heap import freed_at_once
from tests.benchmarks.full.measure import Setting
from tests.benchmarks.full.path import Bench, Pass, made, maps_of, ours, textbook
from tests.benchmarks.full.rows import Row
from tests.benchmarks.full.slopes import phrases, tasks
from tests.benchmarks.full.written import unrecorded

BUDGET = 60.0  # milliseconds of a picture on a graphics card


def section(settings: Sequence[Setting]) -> Iterator[Row | Figure]:
    """Ours and the textbook in turn, in each number type; the first is float32, and the others are held against it."""
    single: Pass | None = None
    for setting in settings:
        bench, name = made(setting), setting.type_name
        wording = bench.words(1)
        floor = floors(bench, wording)  # also the run that does not count
        our, their = _in_turn(bench, wording)
        yield from _times(setting, our, their, floor)
        if single is not None and setting.device.type == "cpu":
            yield Row(f"{name}: the same, beside the textbook in float32", "s", our.seconds, single.seconds, 2)
        yield from equal(name, our.maps.value, their.maps.value, setting.dtype == torch.float32)
        if single is not None:
            yield from nearness(name, setting, [each.maps.value for each in (our, their, single)])
        elif setting.device.type == "cpu":
            yield from emulated(setting, their.maps.value)
        single = single or their
        if setting is settings[-1]:
            yield from phrases(bench)
            yield from tasks(bench, sum(floor))


def _in_turn(bench: Bench, wording: Wording) -> tuple[Pass, Pass]:
    """The quickest run of ours and of the textbook, with the memory of the last one.

    On a GPU with the greatest, as later runs find what the first one has recorded.
    """
    runs = [(ours(bench, wording), textbook(bench, wording))]
    with freed_at_once():
        runs.append((ours(bench, wording), textbook(bench, wording)))
    our, their = zip(*runs, strict=True)
    return _best(our, bench.setting.device), _best(their, bench.setting.device)


def _best(runs: Sequence[Pass], device: torch.device) -> Pass:
    best, counted = min(runs, key=lambda each: each.seconds), runs if device.type == "cuda" else runs[-1:]
    latents, maps = max(each.latents.grown for each in counted), max(each.maps.grown for each in counted)
    return Pass(replace(best.latents, grown=latents), replace(best.maps, grown=maps))


def floors(bench: Bench, wording: Wording) -> tuple[float, float]:
    """Seconds that the two stages' operations take at this machine's measured rates, weights read once."""
    engine = bench.fresh()
    seen, sight, backbone = engine.see(bench.image), engine.sight, bench.backbone
    with unrecorded(backbone):
        encode = _least(bench.setting, lambda: sight.latents(seen), backbone.vae.encoder)
        return encode, _least(bench.setting, lambda: maps_of(sight, seen, wording), backbone.unet)


def _least(setting: Setting, code: Callable[[], object], weights: torch.nn.Module) -> float:
    fused = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _fused_operations}
    with FlopCounterMode(display=False, custom_mapping=fused) as counter:
        code()
    counts = counter.get_flop_counts()["Global"]
    convolutions = sum(count for operation, count in counts.items() if "conv" in str(operation))
    moved = sum(weight.numel() * weight.element_size() for weight in weights.parameters())
    return setting.rates.seconds(sum(counts.values()) - convolutions, convolutions, moved)


def _fused_operations(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Operations of one fused attention, from the shapes (B, heads, n, d) and (B, heads, m, d)."""
    batch, heads, rows, depth = query
    return int(2 * batch * heads * rows * key[2] * (depth + value[3]))


def _times(setting: Setting, our: Pass, their: Pass, floor: tuple[float, float]) -> Iterator[Row | Figure]:
    name, graphics = setting.type_name, setting.device.type == "cuda"
    target = 3 if graphics else 1.3 if name == "float32" else 2
    yield Row(
        f"{name}: picture to latents (autoencoder)", "s", our.latents.seconds, their.latents.seconds, None, floor[0]
    )
    yield Row(f"{name}: latents to refined maps", "s", our.maps.seconds, their.maps.seconds, target, floor[1])
    yield Row(f"{name}: the whole path", "s", our.seconds, their.seconds, target, sum(floor))
    if graphics:
        yield Figure(f"{name}: the whole path, times its floor", our.seconds / sum(floor), "", 2)
        yield Figure(f"{name}: a picture", 1000 * our.seconds, "ms", BUDGET if name == "bfloat16" else None)
    yield Row(f"{name}: memory beyond the weights, latents to maps", "MB", our.maps.grown / 1e6, their.maps.grown / 1e6)
    yield Row(f"{name}: memory beyond the weights, whole path", "MB", our.grown / 1e6, their.grown / 1e6, 3)

"""The iSeg path at Stable Diffusion 2.1's size: a picture's latents, attention maps of a text, refined maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from backend.samples import clear_scenes, name_of
from model.engine import Engine
from model.load import EnginePaths, load_engine
from model.locating import locate
from model.sight import Question
from model.values import Clause, Image, Query
from model.wording import Wording
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import baseline
from tests.benchmarks.full.measure import Setting
from tests.benchmarks.full.path import Bench, Pass, made, maps_of, ours, textbook
from tests.benchmarks.full.rows import Row
from tests.benchmarks.full.slopes import phrases, tasks
from tests.benchmarks.full.written import unrecorded

SCENES = 8
REPEATS = 2
BUDGET = 60.0  # milliseconds of a picture on a graphics card
LEAST_OVERLAP = 0.99
GREATEST_ERROR = 1e-3


def section(settings: Sequence[Setting]) -> Iterator[Row | Figure]:
    """Ours and the textbook in turn, in each number type; the first is float32, and the others are held against it."""
    single: Pass | None = None
    for setting in settings:
        bench, name = made(setting), setting.type_name
        wording = bench.words(1)
        floor = floors(bench, wording)  # also the run that does not count
        runs = [(ours(bench, wording), textbook(bench, wording)) for _ in range(REPEATS)]
        our, their = (_best(ways, setting.device) for ways in zip(*runs, strict=True))
        yield from _times(setting, our, their, floor)
        if single is not None and setting.device.type == "cpu":
            yield Row(f"{name}: the same, beside the textbook in float32", "s", our.seconds, single.seconds, 2)
        yield from _equal(name, our.maps.value, their.maps.value, setting.dtype == torch.float32)
        if single is not None:
            yield from _nearness(setting, [each.maps.value.scores > 0.5 for each in (our, their, single)])
        single = single or their
        if setting is settings[-1]:
            yield from phrases(bench)
            yield from tasks(bench, sum(floor))


def _best(ways: Sequence[Pass], device: torch.device) -> Pass:
    """The quickest; on a GPU with the greatest memory, as later runs find what the first one has recorded."""
    best = min(ways, key=lambda way: way.seconds)
    if device.type == "cpu":
        return best
    latents, maps = max(way.latents.grown for way in ways), max(way.maps.grown for way in ways)
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


def _equal(name: str, our: baseline.Maps, their: baseline.Maps, exact: bool) -> Iterator[Figure]:
    """How far apart the maps are (relative to the textbook's norm), and the masks above half the maximum."""
    pairs = {"cross-attention": (torch.cat([each.flatten() for each in our.cross]), their.cross)}
    pairs["self-attention"] = (our.among.flatten(), (their.among,))
    for what, (mine, others) in pairs.items():
        theirs = torch.cat([each.flatten() for each in others])
        error = float((mine - theirs).norm() / theirs.norm())
        yield Figure(f"{name}: {what}, relative error", error, "", GREATEST_ERROR if exact else 1)
    error = difference(our.scores, their.scores)
    yield Figure(f"{name}: refined maps, relative error", error, "", GREATEST_ERROR if exact else 1)
    yield Figure(f"{name}: masks, IoU", overlap(our.scores > 0.5, their.scores > 0.5), "", LEAST_OVERLAP, least=True)


def _nearness(setting: Setting, masks: Sequence[NDArray[np.bool_]]) -> Iterator[Figure]:
    """Masks in half precision against float32: of random weights, whose maps are noise, and of trained ones."""
    ours, textbook, single = masks
    name, own = setting.type_name, overlap(textbook, single)
    yield Figure(f"{name}: masks, IoU with float32 (the textbook's: {own:.3f})", overlap(ours, single), "", own, True)
    engines = [load_engine(EnginePaths(device=str(setting.device), dtype=each)) for each in (name, "float32")]
    scenes = clear_scenes(SCENES, 512)
    found = [[_mask(engine, scene.image, name_of(scene.objects[0])) for scene in scenes] for engine in engines]
    least = min(overlap(half, whole) for half, whole in zip(*found, strict=True))
    yield Figure(f"{name}: masks of the embedded, trained model, IoU with float32", least, "", LEAST_OVERLAP, True)


def _mask(engine: Engine, image: Image, text: str) -> NDArray[np.bool_]:
    (wording,) = engine.words(image, Query((Clause(text),)))
    (located,) = locate(engine.sight, [Question(engine.see(image), wording)], lambda: None)
    return np.stack([each.scores for each in located]) > 0.5


def difference(ours: NDArray[np.float32], textbook: NDArray[np.float32]) -> float:
    """Relative to the textbook's norm."""
    return float(np.linalg.norm(ours - textbook) / np.linalg.norm(textbook))


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """IoU."""
    return float((one & other).sum() / (one | other).sum())

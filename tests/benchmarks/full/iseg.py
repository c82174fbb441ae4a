"""The iSeg path at Stable Diffusion 2.1's size: a picture's latents, attention maps of a text, refined maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from backend.samples import clear_scenes, name_of
from model.adapters.diffusers_backbone import DiffusersBackbone
from model.adapters.sam import load_sam
from model.adapters.spacy_parser import load_parser
from model.cache import Cache
from model.canvas import to_canvas
from model.config import EngineConfig
from model.engine import Engine
from model.load import WEIGHTS, EnginePaths, load_engine
from model.locating import locate
from model.sight import Models, Seen, Sight
from model.values import Attention, Clause, Image, Query
from model.wording import Wording
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import baseline, models
from tests.benchmarks.full.measure import Measured, Setting, busy, measured
from tests.benchmarks.full.rows import Row

NOUNS = "dog cat bird car bus tree ball cup chair table house boat horse sheep flower hat".split()
COUNTS = (1, 2, 4, 8, 16)
TASKS = (1, 2, 4)
SCENES = 8
REPEATS = 2
KEPT = 2**32  # bytes of cache: enough for everything that is asked here
LEAST_OVERLAP = 0.99
GREATEST_ERROR = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """One picture before the models, in one number type."""

    setting: Setting
    models: Models
    backbone: DiffusersBackbone
    image: Image

    def fresh(self) -> Engine:
        """The engine with nothing cached; all constants plain, as for a checkpoint without a profile."""
        return Engine(self.models, EngineConfig(), Cache(KEPT))

    def words(self, count: int) -> Wording:
        """One text that asks for some things."""
        (wording,) = self.fresh().words(self.image, Query((Clause(text_of(count)),)))
        assert len(wording.sought) == count, "the parser finds every noun of the benchmark's text"
        return wording


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What one way made of a picture and a text, and what its two stages took."""

    latents: Measured[torch.Tensor]
    maps: Measured[baseline.Maps]

    @property
    def seconds(self) -> float:
        """Both stages."""
        return self.latents.seconds + self.maps.seconds

    @property
    def grown(self) -> int:
        """The greater of the stages' peaks."""
        return max(self.latents.grown, self.maps.grown)


def section(settings: Sequence[Setting]) -> Iterator[Row | Figure]:
    """Ours and the textbook in turn, in each number type; the first is float32, and the others are held against it."""
    single: Pass | None = None
    for setting in settings:
        bench, name = made(setting), setting.type_name
        wording = bench.words(1)
        floor = floors(bench, wording)  # also the run that does not count
        runs = [(ours(bench, wording), textbook(bench, wording)) for _ in range(REPEATS)]
        our, their = (min(ways, key=lambda way: way.seconds) for ways in zip(*runs, strict=True))
        yield from _times(name, our, their, floor)
        if single is not None:
            yield Row(f"{name}: the same, beside the textbook in float32", "s", our.seconds, single.seconds, 2)
        yield from _equal(name, our.maps.value, their.maps.value, setting.dtype == torch.float32)
        if single is not None:
            yield from _nearness(setting, [each.maps.value.scores > 0.5 for each in (our, their, single)])
        single = single or their
        if setting is settings[-1]:
            yield from _phrases(bench)
            yield from _tasks(bench)


def made(setting: Setting) -> Bench:
    """The models: the backbone of full size, the embedded parser and (it takes no part) the embedded segmenter."""
    backbone = models.backbone("tiny" if setting.small else "sd21", setting.device, setting.dtype)
    segmenter, parser = load_sam(str(WEIGHTS / "segmenter")), load_parser(str(WEIGHTS / "parser"))
    return Bench(setting, Models(backbone, segmenter, parser), backbone, clear_scenes(1, 512)[0].image)


def text_of(count: int) -> str:
    """A list of so many things, as somebody would write it."""
    *first, last = (f"a {noun}" for noun in NOUNS[:count])
    return f"{', '.join(first)} and {last}" if first else last


def ours(bench: Bench, wording: Wording) -> Pass:
    """The engine's own path."""
    engine, device = bench.fresh(), bench.setting.device
    seen, sight = engine.see(bench.image), engine.sight
    latents = measured(lambda: sight.latents(seen), device)
    return Pass(latents, measured(lambda: _maps(sight, seen, wording), device))


def textbook(bench: Bench, wording: Wording) -> Pass:
    """The textbook's path."""
    device, canvas = bench.setting.device, to_canvas(bench.image, bench.backbone.canvas_size)
    latents = measured(lambda: baseline.latents_of(bench.backbone, canvas), device)
    return Pass(latents, measured(lambda: baseline.locate(bench.backbone, latents.value, wording), device))


def floors(bench: Bench, wording: Wording) -> tuple[float, float]:
    """Seconds that the two stages' operations take at this machine's measured rates, weights read once."""
    engine = bench.fresh()
    seen, sight, backbone = engine.see(bench.image), engine.sight, bench.backbone
    encode = _least(bench.setting, lambda: sight.latents(seen), backbone.vae.encoder)
    return encode, _least(bench.setting, lambda: _maps(sight, seen, wording), backbone.unet)


def _maps(sight: Sight, seen: Seen, wording: Wording) -> baseline.Maps:
    """Located as in the engine, with what was attended to on the way (it is in the cache by then)."""
    scores = [each.scores for each in locate(sight, seen, wording, lambda: None)]
    attention: Attention = sight.attend(seen, wording, lambda: None)[0]
    return baseline.Maps(attention.cross, attention.broad, np.stack(scores))


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


def _times(name: str, our: Pass, their: Pass, floor: tuple[float, float]) -> Iterator[Row]:
    target = {"float32": 1.3}.get(name, 2)
    yield Row(
        f"{name}: picture to latents (autoencoder)", "s", our.latents.seconds, their.latents.seconds, None, floor[0]
    )
    yield Row(f"{name}: latents to refined maps", "s", our.maps.seconds, their.maps.seconds, target, floor[1])
    yield Row(f"{name}: the whole path", "s", our.seconds, their.seconds, target, sum(floor))
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
    error = float(np.linalg.norm(our.scores - their.scores) / np.linalg.norm(their.scores))
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
    return np.stack([each.scores for each in locate(engine.sight, engine.see(image), wording, lambda: None)]) > 0.5


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """IoU."""
    return float((one & other).sum() / (one | other).sum())


def _phrases(bench: Bench) -> Iterator[Row | Figure]:
    """Cost by phrases of one text; the textbook asks for one at a time, and from four on that is only more of it."""
    spent = {}
    for count in COUNTS:
        wording = bench.words(count)
        spent[count] = ours(bench, wording).maps.seconds
        their = textbook(bench, wording).maps.seconds if count <= 2 else None
        yield Row(f"{bench.setting.type_name}: latents to maps, phrases in one text: {count}", "s", spent[count], their)
    slope = (spent[COUNTS[-1]] - spent[COUNTS[0]]) / (COUNTS[-1] - COUNTS[0])
    yield Figure("one more phrase, as a share of the first", slope / spent[COUNTS[0]], "", 1)


def _tasks(bench: Bench) -> Iterator[Row | Figure]:
    """Cost by pictures, each with a text of its own."""
    wording, device, spent = bench.words(1), bench.setting.device, {}
    pictures = [np.roll(bench.image, 16 * number, axis=1) for number in range(TASKS[-1])]

    def located(engine: Engine, count: int) -> None:
        for picture in pictures[:count]:
            _maps(engine.sight, engine.see(picture), wording)

    for count in TASKS:
        engine = bench.fresh()
        spent[count] = measured(lambda engine=engine, count=count: located(engine, count), device).seconds  # type: ignore[misc]
        yield Row(f"{bench.setting.type_name}: the whole path for {count} tasks", "s", spent[count])
    engine = bench.fresh()
    yield Figure("share of the time that the device computes", busy(lambda: located(engine, 2), device), "", 0.85, True)
    slope = (spent[TASKS[-1]] - spent[TASKS[0]]) / (TASKS[-1] - TASKS[0])
    yield Figure("one more task, as a share of the first", slope / spent[TASKS[0]], "", 1.05)

"""How alike the maps and masks of two ways are: ours and the textbook's, half precision's and float32's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from backend.samples import clear_scenes, name_of
from model.engine import Engine
from model.grounding.features import TextQuestion
from model.grounding.localize import locate
from model.loading import EnginePaths, load_engine
from model.types import Clause, Image, Query
from tests.benchmarks.figures import Figure
from tests.benchmarks.full.baseline import Maps
from tests.benchmarks.full.measure import Setting

SCENES = 8
LEAST_OVERLAP = 0.99
GREATEST_ERROR = 1e-3


def equal(name: str, our: Maps, their: Maps, exact: bool) -> Iterator[Figure]:
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


def nearness(name: str, setting: Setting, maps: Sequence[Maps]) -> Iterator[Figure]:
    """Masks in half precision against float32: of random weights, whose maps are noise, and of trained ones.

    Maps: ours and the textbook's in half precision, the textbook's in float32.
    """
    ours, textbook, single = (each.scores > 0.5 for each in maps)
    own = overlap(textbook, single)
    yield Figure(f"{name}: masks, IoU with float32 (the textbook's: {own:.3f})", overlap(ours, single), "", own, True)
    engines = [
        load_engine(EnginePaths(device=str(setting.device), dtype=each)) for each in (setting.type_name, "float32")
    ]
    scenes = clear_scenes(SCENES, 512)
    found = [[_mask(engine, scene.image, name_of(scene.objects[0])) for scene in scenes] for engine in engines]
    least = min(overlap(half, whole) for half, whole in zip(*found, strict=True))
    yield Figure(f"{name}: masks of the embedded, trained model, IoU with float32", least, "", LEAST_OVERLAP, True)


def _mask(engine: Engine, image: Image, text: str) -> NDArray[np.bool_]:
    (wording,) = engine.words(image, Query((Clause(text),)))
    (located,) = locate(engine.sight, [TextQuestion(engine.see(image), wording)], lambda: None)
    return np.stack([each.scores for each in located]) > 0.5


def difference(ours: NDArray[np.float32], textbook: NDArray[np.float32]) -> float:
    """Relative to the textbook's norm."""
    return float(np.linalg.norm(ours - textbook) / np.linalg.norm(textbook))


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """IoU."""
    return float((one & other).sum() / (one | other).sum())

"""One picture's way from its pixels to refined maps: through the engine, and through the textbook."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from backend.samples import clear_scenes
from model.adapters.diffusers.backbone import DiffusersBackbone
from model.adapters.sam.segmenter import load_sam
from model.adapters.spacy.parser import load_parser
from model.config import EngineConfig
from model.engine import Engine
from model.grounding.canvas import to_canvas
from model.grounding.features import Features, Models, Seen, TextQuestion
from model.grounding.localize import locate
from model.loading import WEIGHTS
from model.runtime.cache import Cache
from model.text.prompt_text import Wording
from model.types import Clause, Image, Query
from tests.benchmarks.full import baseline, models
from tests.benchmarks.full.measure import Measured, Setting, measured

NOUNS = "dog cat bird car bus tree ball cup chair table house boat horse sheep flower hat".split()
KEPT = 2**32  # bytes of cache: enough for everything that is asked here


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


def made(setting: Setting, kind: str = "sd21") -> Bench:
    """The models: the backbone of full size, the embedded parser and (it takes no part) the embedded segmenter."""
    backbone = models.backbone("tiny" if setting.small else kind, setting.device, setting.dtype)
    segmenter, parser = load_sam(str(WEIGHTS / "segmenter")), load_parser(str(WEIGHTS / "parser"))
    return Bench(setting, Models(backbone, segmenter, parser), backbone, clear_scenes(1, 512)[0].image)


def text_of(count: int) -> str:
    """A list of so many things, as somebody would write it."""
    *first, last = (f"a {noun}" for noun in NOUNS[:count])
    return f"{', '.join(first)} and {last}" if first else last


def ours(bench: Bench, wording: Wording) -> Pass:
    """The engine's own path."""
    device, seen = bench.setting.device, bench.fresh().see(bench.image)
    latents = measured(lambda: bench.fresh().sight.latents(seen), device)

    def maps() -> baseline.Maps:
        sight = bench.fresh().sight
        sight.cache.get(("latents", seen.key, False), lambda: latents.value)
        return maps_of(sight, seen, wording)

    return Pass(latents, measured(maps, device))


def textbook(bench: Bench, wording: Wording) -> Pass:
    """The textbook's path."""
    device, canvas = bench.setting.device, to_canvas(bench.image, bench.backbone.canvas_size)
    latents = measured(lambda: baseline.latents_of(bench.backbone, canvas), device)
    return Pass(latents, measured(lambda: baseline.locate(bench.backbone, latents.value, wording), device))


def maps_of(sight: Features, seen: Seen, wording: Wording) -> baseline.Maps:
    """Located as in the engine, with what was attended to on the way (it is in the cache by then)."""
    asked = [TextQuestion(seen, wording)]
    (located,), ((attention, _),) = locate(sight, asked, lambda: None), sight.attend(asked, lambda: None)
    scores = [each.scores for each in located]
    return baseline.Maps(attention.cross, attention.broad, np.stack(scores))

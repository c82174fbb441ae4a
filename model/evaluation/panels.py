"""The pictures of one question for a report: image, attention, refined map, points, mask, truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from model.engine import Engine
from model.evaluation.maps import attended
from model.inversion import GiveWay
from model.overlay import heat, marked, overlay
from model.ports import Segmenter
from model.values import Answer, Candidates, Image, ImageEmbedding, Mask, MaskPrompt, Query


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A picture (h, w, 3) and what it shows."""

    title: str
    picture: Image


@dataclass(slots=True)
class Listening:
    """A segmenter that remembers what it was asked."""

    segmenter: Segmenter
    prompts: list[MaskPrompt] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The segmenter's own name."""
        return self.segmenter.name

    def embed(self, image: Image) -> ImageEmbedding:
        """As the segmenter does."""
        return self.segmenter.embed(image)

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: GiveWay = lambda: None
    ) -> tuple[Candidates, ...]:
        """As the segmenter does; the prompts are kept."""
        self.prompts.extend(prompts)
        return self.segmenter.decode(embedding, prompts, give_way)

    def enlarge(self, embedding: ImageEmbedding, low_res_masks: torch.Tensor) -> Mask:
        """As the segmenter does."""
        return self.segmenter.enlarge(embedding, low_res_masks)


def listening(engine: Engine) -> tuple[Engine, Listening]:
    """The same engine with a segmenter that remembers, and that segmenter."""
    heard = Listening(engine.models.segmenter)
    return Engine(replace(engine.models, segmenter=heard), engine.config), heard


def text_panels(engine: Engine, image: Image, query: Query, truth: Sequence[Mask]) -> tuple[Panel, ...]:
    """What happened between a text about an image (H, W, 3) and its masks, beside the truth (masks (H, W))."""
    size = image.shape[0], image.shape[1]
    engine, heard = listening(engine)
    answer = engine.segment(image, query)
    maps = attended(engine, image, query)
    raw = [Panel(f"attention: {name}", heat(scores, size)) for name, scores in maps[:1]]
    refined = [Panel(f"refined: {each.phrase.text}", heat(each.scores, size)) for each in answer.findings[:1]]
    whole, *rest = answer_panels(image, heard.prompts, answer, truth)
    return (whole, *raw, *refined, *rest)


def answer_panels(
    image: Image, prompts: Sequence[MaskPrompt], answer: Answer, truth: Sequence[Mask]
) -> tuple[Panel, ...]:
    """An image (H, W, 3), what the segmenter was asked, its answer and the truth (masks (H, W))."""
    return (
        Panel("picture", image),
        Panel("points and boxes", marked(image, prompts)),
        Panel("answer", overlay(image, [segment.mask for segment in answer.segments])),
        Panel("truth", overlay(image, [mask for mask in truth if mask.any()])),
    )

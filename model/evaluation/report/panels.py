"""The pictures of one question for a report: image, attention, refined map, points, mask, truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.engine import Engine
from model.evaluation.scenarios.query_maps import attended
from model.methods.segment_anyword.inversion import GiveWay
from model.protocols import Segmenter
from model.types import Answer, Candidates, Image, ImageEmbedding, Mask, MaskPrompt, Query
from model.visualize import heat, marked, overlay


@dataclass(frozen=True, slots=True, eq=False)
class ReportPanel:
    """A picture (h, w, 3) and what it shows."""

    title: str
    picture: Image


class Listening:
    """A segmenter that remembers what it was asked."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter, self.prompts = segmenter, list[MaskPrompt]()
        self.name, self.embed, self.enlarge = segmenter.name, segmenter.embed, segmenter.enlarge

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: GiveWay = lambda: None
    ) -> tuple[Candidates, ...]:
        """As the segmenter does; the prompts are kept."""
        self.prompts.extend(prompts)
        return self._segmenter.decode(embedding, prompts, give_way)


def listening(engine: Engine) -> tuple[Engine, Listening]:
    """The same engine with a segmenter that remembers, and that segmenter."""
    heard = Listening(engine.models.segmenter)
    return Engine(replace(engine.models, segmenter=heard), engine.config), heard


def text_panels(engine: Engine, image: Image, query: Query, truth: Sequence[Mask]) -> tuple[ReportPanel, ...]:
    """What happened between a text about an image (H, W, 3) and its masks, beside the truth (masks (H, W))."""
    size = image.shape[0], image.shape[1]
    engine, heard = listening(engine)
    answer = engine.segment(image, query)
    maps = attended(engine, image, query)
    raw = [ReportPanel(f"attention: {name}", heat(scores, size)) for name, scores in maps[:1]]
    refined = [ReportPanel(f"refined: {each.phrase.text}", heat(each.scores, size)) for each in answer.findings[:1]]
    whole, *rest = answer_panels(image, heard.prompts, answer, truth)
    return (whole, *raw, *refined, *rest)


def answer_panels(
    image: Image, prompts: Sequence[MaskPrompt], answer: Answer, truth: Sequence[Mask]
) -> tuple[ReportPanel, ...]:
    """An image (H, W, 3), what the segmenter was asked, its answer and the truth (masks (H, W))."""
    return (
        ReportPanel("picture", image),
        ReportPanel("points and boxes", marked(image, prompts)),
        ReportPanel("answer", overlay(image, [segment.mask for segment in answer.segments])),
        ReportPanel("truth", overlay(image, [mask for mask in truth if mask.any()])),
    )

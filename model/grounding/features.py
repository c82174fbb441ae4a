"""What the models make of a picture and a text, computed once for each: embeddings, latents, inverted prompts, maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from model.config import EngineConfig, InversionConfig
from model.grounding.canvas import to_canvas
from model.grounding.stretch import Stretch, stretch_of
from model.learning.overrides import taught_words, under, with_taught
from model.methods.invseg import Views, cluster
from model.methods.segment_anyword.inversion import GiveWay, Inverted, Subject, invert, plus, trace
from model.protocols import Backbone, Parser, Proposer, Segmenter
from model.runtime.cache import Cache
from model.runtime.image_key import image_key
from model.text.prompt_text import Sought, Wording
from model.text.token_spans import enhance, pieces_of, tokens_of
from model.types import Attention, Image, ImageEmbedding, Lesson, Phrase, Word

BACKGROUND = "background"
PASSES_OF_A_FIT = 4  # passes without a gradient that take as long as one picture's two with it; ours

T = TypeVar("T")
Look = Callable[[torch.Tensor, torch.Tensor], Sequence[T]]


@dataclass(frozen=True, slots=True)
class Models:
    """The frozen models an engine stands on; without a proposer, masks come from the segmenter alone."""

    backbone: Backbone
    segmenter: Segmenter
    parser: Parser
    proposer: Proposer | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What is kept of a picture: how its contrast is stretched, and what the segmenter made of it so."""

    embedding: ImageEmbedding
    stretch: Stretch | None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture: its content's key, its pixels, what the segmenter made of it, and how its contrast is stretched.

    The stretch is decided on the whole picture, for every model and for copies of any size.
    """

    key: str
    image: Image
    embedding: ImageEmbedding
    stretch: Stretch | None = None

    @property
    def shown(self) -> Image:
        """The pixels (H, W, 3) that models see."""
        return self.stretch(self.image) if self.stretch else self.image

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.image.shape[0], self.image.shape[1]


class TextQuestion(NamedTuple):
    """A picture, and a text that is asked about it."""

    seen: Seen
    wording: Wording


class Conditioning(NamedTuple):
    """What the backbone is given of a question: latents (1, c, s, s) and text-encoder outputs (L, d)."""

    latents: torch.Tensor
    embeddings: torch.Tensor


@dataclass(frozen=True, slots=True)
class Features:
    """Asks the models, under one configuration, through one cache. Not for several threads: see scheduler.py."""

    models: Models
    config: EngineConfig
    cache: Cache

    def taught(self, lesson: Lesson | None) -> Features:
        """The same models and cache under the constants that a lesson gives its phrases. Raises Misconfigured."""
        return replace(self, config=under(self.config, lesson)) if lesson else self

    def see(self, image: Image) -> Seen:
        """Encode a picture for the segmenter, once for each content."""
        key = image_key(image)

        def encode() -> Encoded:
            stretch = stretch_of(image)
            shown = stretch(image) if stretch else image
            return Encoded(halved(self.models.segmenter.embed(shown)), stretch)

        encoded = self.cache.get(("embedding", key), encode)
        return Seen(key, image, encoded.embedding, encoded.stretch)

    def attend(self, questions: Sequence[TextQuestion], give_way: GiveWay) -> list[tuple[Attention, Inverted]]:
        """What the backbone looks at under texts whose embeddings were inverted, and those embeddings.

        Kept by what was learned itself, so that a lesson's other constants cost no new look.
        """
        keys, steps = [self._key(each) for each in questions], self.config.inversion.trace

        def fit(places: Sequence[int]) -> list[Inverted]:
            return self.invert([questions[place] for place in places], give_way)

        inverted = self.cache.get_all([("inverted", *key) for key in keys], fit)

        def look(places: Sequence[int]) -> list[Attention]:
            asked = [Conditioning(self.latents(questions[place].seen), inverted[place].embeddings) for place in places]
            if steps:
                return [trace(self.models.backbone, *each, steps, give_way) for each in asked]
            return self._passes(asked, self._drawn, give_way)

        return list(zip(self.cache.get_all([("attention", *key) for key in keys], look), inverted, strict=True))

    def glances(self, questions: Sequence[TextQuestion], give_way: GiveWay) -> list[tuple[torch.Tensor, ...]]:
        """The cross-attention of texts as they stand, without inversion, like `Attention.cross`."""
        plain = replace(self, config=replace(self.config, inversion=InversionConfig()))

        def look(places: Sequence[int]) -> list[tuple[torch.Tensor, ...]]:
            chosen = [questions[place] for place in places]
            asked = [Conditioning(self.latents(each.seen), self.text(each.wording)) for each in chosen]
            return self._passes(asked, self._glance, give_way)

        return self.cache.get_all([("glance", *plain._key(each)) for each in questions], look)

    def _passes(self, asked: Sequence[Conditioning], look: Look[T], give_way: GiveWay) -> list[T]:
        """What passes of the backbone read, several texts in each where that keeps the device busier."""
        at_once, found = self.models.backbone.passes_at_once, list[T]()
        for first in range(0, len(asked), at_once):
            give_way()
            latents, embeddings = zip(*asked[first : first + at_once], strict=True)
            found += look(torch.cat(latents), torch.stack(embeddings))
        return found

    def _glance(self, latents: torch.Tensor, embeddings: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        """For each text of (B, L, d) the mean over passes with different noise."""
        draws = [self.models.backbone.glance(latents, embeddings, draw) for draw in range(self.config.attention.draws)]
        by_text = [zip(*levels, strict=True) for levels in zip(*draws, strict=True)]
        return [tuple(torch.stack(level).mean(0) for level in levels) for levels in by_text]

    def _drawn(self, latents: torch.Tensor, embeddings: torch.Tensor) -> Sequence[Attention]:
        """For each text of (B, L, d) the mean over passes with different noise."""
        draws = self.config.attention.draws
        if draws == 1:
            return self.models.backbone.attend(latents, embeddings)
        totals: list[Attention | None] = [None] * len(embeddings)
        for draw in range(draws):
            seen = self.models.backbone.attend(latents, embeddings, draw)
            totals = [plus(total, each, 1 / draws) for total, each in zip(totals, seen, strict=True)]
        return [total for total in totals if total is not None]

    def invert(self, questions: Sequence[TextQuestion], give_way: GiveWay) -> list[Inverted]:
        """Text-encoder outputs of texts, fitted to their pictures as the configuration says, their phrases enhanced.

        Either every text asks for something or none does.
        """
        objective = self.config.inversion.objective
        if objective == "none" or not all(each.wording.sought for each in questions):
            return [Inverted(self.text(each.wording)) for each in questions]
        if objective == "denoising":
            return [self._denoised(each, give_way) for each in questions]
        at_once = max(1, self.models.backbone.passes_at_once // PASSES_OF_A_FIT)
        groups = [questions[first : first + at_once] for first in range(0, len(questions), at_once)]
        return [inverted for group in groups for inverted in self._clustered(group, give_way)]

    def _denoised(self, question: TextQuestion, give_way: GiveWay) -> Inverted:
        backbone, wording = self.models.backbone, question.wording
        phrases = tuple(each.words for each in wording.sought)
        inputs = with_taught(backbone, wording.tokens, taught_words(wording))
        subject = Subject(self.latents(question.seen), wording.tokens, phrases, inputs)
        inverted = invert(backbone, subject, self.config.inversion, give_way)
        return replace(inverted, embeddings=self.enhanced(inverted.embeddings, wording))

    def _clustered(self, questions: Sequence[TextQuestion], give_way: GiveWay) -> list[Inverted]:
        views = [
            Views(self.latents(seen), self.latents(seen, mirrored=True), classes_of(wording), self.text(wording))
            for seen, wording in questions
        ]
        return cluster(self.models.backbone, views, self.config, give_way)

    def text(self, wording: Wording) -> torch.Tensor:
        """Text-encoder outputs (L, d) of a text as it stands, its phrases enhanced."""
        backbone = self.models.backbone

        def encode() -> torch.Tensor:
            inputs = with_taught(backbone, wording.tokens, taught_words(wording))
            return self.enhanced(backbone.embed(wording.tokens, inputs), wording)

        return self.cache.get(("text", *self._words(wording)), encode)

    def enhanced(self, embeddings: torch.Tensor, wording: Wording) -> torch.Tensor:
        """Text-encoder outputs (L, d), those of each phrase times its own factor."""
        factors = self._factors(wording)
        for factor in dict.fromkeys(factors):
            words = [each.words for each, own in zip(wording.sought, factors, strict=True) if own == factor]
            embeddings = enhance(embeddings, pieces_of(words), factor)
        return embeddings

    def _factors(self, wording: Wording) -> tuple[float, ...]:
        """The Cat-Cross factor of each phrase."""
        return tuple(self.taught(each.lesson).config.attention.enhancement for each in wording.sought)

    def _key(self, question: TextQuestion) -> tuple[object, ...]:
        """What tells one question from another."""
        return (question.seen.key, *self._words(question.wording), self.config.attention, self.config.inversion)

    def _words(self, wording: Wording) -> tuple[object, ...]:
        """What tells one text from another."""
        pieces = pieces_of(each.words for each in wording.sought)
        return (wording.tokens.text, pieces, self._factors(wording), taught_words(wording))

    def latents(self, seen: Seen, mirrored: bool = False) -> torch.Tensor:
        """The backbone's picture (1, c, s, s), or that of its mirror image."""
        backbone = self.models.backbone

        def encode() -> torch.Tensor:
            canvas = to_canvas(seen.shown, backbone.canvas_size)
            return backbone.encode(np.ascontiguousarray(canvas[:, ::-1]) if mirrored else canvas)

        return self.cache.get(("latents", seen.key, mirrored), encode)


def halved(embedding: ImageEmbedding) -> ImageEmbedding:
    """The segmenter's picture in half precision: twice as many stay in the cache; masks differ by rounding.

    SAM's features come out of a normalisation, so that none is too large for it.
    """
    features = embedding.features
    return replace(embedding, features=features.half() if features.element_size() > 2 else features)


def classes_of(wording: Wording) -> tuple[Sought, ...]:
    """The phrases of a text and, where the template names it, the background as the last class (InvSeg, figure 2)."""
    text = wording.tokens.text
    at = text.rfind(BACKGROUND)
    if at < 0:
        return wording.sought
    word = Word(BACKGROUND, BACKGROUND, at, at + len(BACKGROUND))
    tokens = tokens_of(wording.tokens, word)
    return (*wording.sought, Sought(Phrase(BACKGROUND, word), -1, tokens, ()))

"""What the models make of a picture and a text, computed once for each: embeddings, latents, inverted prompts, maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from model.alignment import enhance, pieces_of, tokens_of
from model.cache import Cache
from model.canvas import to_canvas
from model.clustering import Views, cluster
from model.config import EngineConfig, InversionConfig
from model.fingerprint import image_key
from model.inversion import GiveWay, Inverted, Subject, invert, plus, trace
from model.lessons import taught_words, under, with_taught
from model.ports import Backbone, Parser, Proposer, Segmenter
from model.values import Attention, Image, ImageEmbedding, Lesson, Phrase, Word
from model.wording import Sought, Wording

BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Models:
    """The frozen models an engine stands on; without a proposer, masks come from the segmenter alone."""

    backbone: Backbone
    segmenter: Segmenter
    parser: Parser
    proposer: Proposer | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture: its content's key, its pixels, and what the segmenter made of it."""

    key: str
    image: Image
    embedding: ImageEmbedding

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, slots=True)
class Sight:
    """Asks the models, under one configuration, through one cache. Not for several threads at once: see lane.py."""

    models: Models
    config: EngineConfig
    cache: Cache

    def taught(self, lesson: Lesson | None) -> Sight:
        """The same models and cache under the constants that a lesson gives its phrases. Raises Misconfigured."""
        return replace(self, config=under(self.config, lesson)) if lesson else self

    def see(self, image: Image) -> Seen:
        """Encode a picture for the segmenter, once for each content."""
        key = image_key(image)
        return Seen(key, image, self.cache.get(("embedding", key), lambda: halved(self.models.segmenter.embed(image))))

    def attend(self, seen: Seen, wording: Wording, give_way: GiveWay) -> tuple[Attention, Inverted]:
        """What the backbone looks at under a text whose embeddings were inverted, and those embeddings.

        Kept by what was learned itself, so that a lesson's other constants cost no new look.
        """
        text = self._asked(seen, wording)
        inverted = self.cache.get(("inverted", *text), lambda: self.invert(seen, wording, give_way))

        def look() -> Attention:
            latents, steps = self.latents(seen), self.config.inversion.trace
            if steps:
                return trace(self.models.backbone, latents, inverted.embeddings, steps, give_way)
            return self._drawn(latents, inverted.embeddings, give_way)

        return self.cache.get(("attention", *text), look), inverted

    def glances(self, seen: Seen, wordings: Sequence[Wording], give_way: GiveWay) -> list[tuple[torch.Tensor, ...]]:
        """The cross-attention of texts as they stand, without inversion, like `Attention.cross`.

        Several in a pass where that keeps the device busier.
        """
        plain = replace(self, config=replace(self.config, inversion=InversionConfig()))
        keys = [("glance", *plain._asked(seen, wording)) for wording in wordings]
        missing = [number for number, key in enumerate(keys) if key not in self.cache]
        found: dict[int, tuple[torch.Tensor, ...]] = {}
        at_once = self.models.backbone.draws_at_once
        for first in range(0, len(missing), at_once):
            give_way()
            group = missing[first : first + at_once]
            embeddings = torch.stack([plain.invert(seen, wordings[number], give_way).embeddings for number in group])
            found |= dict(zip(group, self._glance(self.latents(seen), embeddings), strict=True))
        return [self.cache.get(key, partial(found.__getitem__, number)) for number, key in enumerate(keys)]

    def _glance(self, latents: torch.Tensor, embeddings: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], ...]:
        """For each text of (B, L, d) the mean over passes with different noise."""
        draws = [self.models.backbone.glance(latents, embeddings, draw) for draw in range(self.config.attention.draws)]
        by_text = [zip(*levels, strict=True) for levels in zip(*draws, strict=True)]
        return tuple(tuple(torch.stack(level).mean(0) for level in levels) for levels in by_text)

    def _asked(self, seen: Seen, wording: Wording) -> tuple[object, ...]:
        """What tells one question about a picture from another."""
        config, learned = (
            (self.config.attention, self.config.inversion),
            (self._factors(wording), taught_words(wording)),
        )
        return (seen.key, wording.tokens.text, pieces_of(each.words for each in wording.sought), *config, *learned)

    def _drawn(self, latents: torch.Tensor, embeddings: torch.Tensor, give_way: GiveWay) -> Attention:
        """The mean over passes with different noise."""
        draws = self.config.attention.draws
        if draws == 1:
            return self.models.backbone.attend(latents, embeddings)
        total: Attention | None = None
        for draw in range(draws):
            if draw:
                give_way()
            total = plus(total, self.models.backbone.attend(latents, embeddings, draw), 1 / draws)
        assert total is not None, "attention is read at least once"
        return total

    def invert(self, seen: Seen, wording: Wording, give_way: GiveWay) -> Inverted:
        """Text-encoder outputs of a text, fitted to the picture as the configuration says, its phrases enhanced."""
        backbone = self.models.backbone
        inputs = with_taught(backbone, wording.tokens, taught_words(wording))
        latents, objective = self.latents(seen), self.config.inversion.objective
        phrases = tuple(each.words for each in wording.sought)
        if objective == "denoising" and wording.sought:
            subject = Subject(latents, wording.tokens, phrases, inputs)
            inverted = invert(backbone, subject, self.config.inversion, give_way)
            return replace(inverted, embeddings=self.enhanced(inverted.embeddings, wording))
        embeddings = self.enhanced(backbone.embed(wording.tokens, inputs), wording)
        if objective == "clustering" and wording.sought:
            views = Views(latents, self.latents(seen, mirrored=True), classes_of(wording))
            return cluster(backbone, views, embeddings, self.config, give_way)
        return Inverted(embeddings)

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

    def latents(self, seen: Seen, mirrored: bool = False) -> torch.Tensor:
        """The backbone's picture (1, c, s, s), or that of its mirror image."""
        backbone = self.models.backbone

        def encode() -> torch.Tensor:
            canvas = to_canvas(seen.image, backbone.canvas_size)
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

"""The whole method, top to bottom: `Engine.segment`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.alignment import enhance
from model.cache import Cache, image_key
from model.canvas import to_canvas
from model.config import EngineConfig
from model.errors import BadImage, OutOfMemory
from model.ports import Backbone, Parser, Segmenter
from model.prompting import blob_prompts, blobs, check, hint_map, hint_prompt
from model.refine import refine
from model.selection import Choice, best, distinct, exclusive, placed, with_evidence
from model.syntax import bind, brightest, evidence
from model.values import Answer, Attention, Finding, Hint, Image, ImageEmbedding, Query, Segment
from model.wording import Sought, Wording, word


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture: its content's key, its size (H, W), and what the segmenter made of it."""

    key: str
    image: Image
    embedding: ImageEmbedding

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A phrase and where it is: scores (g, g, maximum 1) and the evidence (g, g) for it."""

    sought: Sought
    scores: NDArray[np.float32]
    evidence: torch.Tensor


@contextmanager
def memory_told() -> Iterator[None]:
    """Tell a person about missing memory in words."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory("too little memory for this picture: use a smaller picture, or smaller models") from error


class Engine:
    """Segmentation from text, points and boxes with frozen models. Not for several threads at once: see lane.py."""

    def __init__(self, backbone: Backbone, segmenter: Segmenter, parser: Parser, config: EngineConfig) -> None:
        self.backbone, self.segmenter, self.parser, self.config = backbone, segmenter, parser, config
        self._cache = Cache(config.cache_bytes)

    def segment(self, image: Image, query: Query) -> Answer:
        """Answer a query about an image (H, W, 3); a query that asks for nothing finds nothing.

        Raises BadQuery for a query that cannot be answered, BadImage for a picture without pixels, and OutOfMemory.
        """
        with memory_told():
            return self._answer(image, query)

    def _answer(self, image: Image, query: Query) -> Answer:
        wordings = self.words(image, query)
        seen = self.see(image)
        located = [each for wording in wordings for each in self._locate(seen, wording)]
        if query.hints:
            return Answer(self._pointed(seen, query.hints, located), ())
        found = exclusive([self._objects(seen, each) for each in located], self.config.selection.overlap)
        findings = tuple(self._finding(each, choices) for each, choices in zip(located, found, strict=True))
        return Answer(self._segments(seen, located, found, query.separate), findings)

    def words(self, image: Image, query: Query) -> tuple[Wording, ...]:
        """Check a query and put its clauses into words, before anything is computed."""
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise BadImage(f"a picture of shape (H, W, 3) is needed, this one is {image.shape}")
        for hint in query.hints:
            check(hint, (image.shape[0], image.shape[1]))
        return word(query.clauses, self.parser, self.backbone, self.config.template)

    def see(self, image: Image) -> Seen:
        """Encode a picture for the segmenter, once for each content."""
        key = image_key(image)
        return Seen(key, image, self._cache.get(("embedding", key), lambda: self.segmenter.embed(image)))

    def attend(self, seen: Seen, wording: Wording) -> Attention:
        """What the backbone looks at, the text's phrases enhanced; computed once for each picture and text."""
        pieces = tuple(sorted({piece for each in wording.sought for word in each.words for piece in word}))

        def compute() -> Attention:
            canvas = to_canvas(seen.image, self.backbone.canvas_size)
            latents = self._cache.get(("latents", seen.key), lambda: self.backbone.encode(canvas))
            embeddings = self.backbone.embed(wording.tokens)
            return self.backbone.attend(latents, enhance(embeddings, pieces, self.config.attention.enhancement))

        key = ("attention", seen.key, wording.tokens.text, pieces, self.config.attention.enhancement)
        return self._cache.get(key, compute)

    def _locate(self, seen: Seen, wording: Wording) -> list[Located]:
        """Ask the backbone where the phrases of one text are, and refine its maps."""
        attention = self.attend(seen, wording)
        scores = bind(attention, wording.sought, self.config.attention)
        refined = brightest(refine(scores, attention.broad, attention.among, self.config.refine).scores).cpu().numpy()
        return [
            Located(each, map_of_phrase, evidence(attention, each))
            for each, map_of_phrase in zip(wording.sought, refined, strict=True)
        ]

    def _objects(self, seen: Seen, located: Located) -> tuple[Choice, ...]:
        """The objects that a phrase matches, those that the picture gives too little evidence for left out."""
        found = blobs(located.scores, self.config.prompting)
        prompts = [prompt for blob in found for prompt in blob_prompts(blob, seen.size)]
        candidates = self.segmenter.decode(seen.embedding, prompts) if prompts else ()
        choices = [
            best(candidates[2 * at : 2 * at + 2], located.scores * blob.cells, self.config.selection.agreement)
            for at, blob in enumerate(found)
        ]
        sure = [with_evidence(choice, located.evidence) for choice in choices]
        present = [choice for choice in sure if choice.evidence >= self.config.selection.presence]
        return placed(distinct(present, self.config.selection.overlap), located.sought.phrase.place)

    def _finding(self, located: Located, choices: Sequence[Choice]) -> Finding:
        surest = max((choice.evidence for choice in choices), default=float(located.evidence.max()))
        return Finding(located.sought.phrase, located.sought.clause, located.scores, surest, bool(choices))

    def _segments(
        self, seen: Seen, located: Sequence[Located], found: Sequence[tuple[Choice, ...]], separate: bool
    ) -> tuple[Segment, ...]:
        segments: list[Segment] = []
        for each, choices in zip(located, found, strict=True):
            if not choices:
                continue
            logits = torch.from_numpy(np.stack([choice.low_res_mask for choice in choices]))
            masks = self.segmenter.enlarge(seen.embedding, logits)
            if not separate:
                masks, choices = np.any(masks, axis=0)[None], choices[:1]
            segments += [
                Segment(mask, choice.score, each.sought.phrase, each.sought.clause, presence=choice.evidence)
                for mask, choice in zip(masks, choices, strict=True)
                if mask.any()
            ]
        return tuple(segments)

    def _pointed(self, seen: Seen, hints: Sequence[Hint], located: Sequence[Located]) -> tuple[Segment, ...]:
        """One segment for each hint; where text came along, it says which of SAM's candidates is meant."""
        candidates = self.segmenter.decode(seen.embedding, [hint_prompt(hint, seen.size) for hint in hints])
        segments = []
        for number, (hint, each) in enumerate(zip(hints, candidates, strict=True)):
            sought, scores = self._meant(seen, hint, located)
            selection = self.config.selection
            choice = best([each], scores, selection.agreement if sought else selection.hint_agreement)
            mask = self.segmenter.enlarge(seen.embedding, torch.from_numpy(choice.low_res_mask[None]))[0]
            if mask.any():
                phrase, clause = (sought.phrase, sought.clause) if sought else (None, None)
                segments.append(Segment(mask, choice.score, phrase, clause, number))
        return tuple(segments)

    def _meant(self, seen: Seen, hint: Hint, located: Sequence[Located]) -> tuple[Sought | None, NDArray[np.float32]]:
        """The phrase a hint is about, if any, and the map that its candidates are compared with.

        Without text the hint itself is the initial map, spread by self-attention (iSeg).
        """
        attention = self.attend(seen, Wording(self.backbone.tokenize(""), ()))
        grid = int(attention.among.shape[0] ** 0.5)
        start = torch.from_numpy(hint_map(hint, grid, seen.size))[None].to(attention.among.device)
        refined = refine(start, attention.broad, attention.among, self.config.refine).scores
        scores = brightest(refined)[0].cpu().numpy()
        if not located:
            return None, scores
        meant = max(located, key=lambda each: float((each.scores * scores).sum()))
        return meant.sought, np.sqrt(meant.scores * scores)

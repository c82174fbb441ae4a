"""The whole method, top to bottom: `Engine.segment`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TypeVar

from model import presets
from model.config import EngineConfig
from model.errors import BadImage, BadQuery, OutOfMemory
from model.grounding.features import Features, Models, Seen, TextQuestion
from model.grounding.localize import Located, locate
from model.grounding.stretch import STRETCHED
from model.masks.draft import SegmentDraft, drawn
from model.masks.hint_prompts import check
from model.masks.instances import objects, propose, sketches
from model.masks.interactive import pointed
from model.masks.selection import Choice, exclusive
from model.methods.segment_anyword.inversion import GiveWay, pausing
from model.runtime.cache import Cache
from model.runtime.low_memory import frugal
from model.runtime.memory_shortage import TOLD, give_back, is_short, once, said
from model.text.class_prompt import joint_wordings
from model.text.prompt_text import Wording, normalised, word_what_can_be
from model.types import Answer, Attention, Clause, Finding, Image, Query

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Engine:
    """Segmentation from text, points and boxes with frozen models. Not for several threads: see scheduler.py."""

    def __init__(self, models: Models, config: EngineConfig, cache: Cache | None = None) -> None:
        self.models, self.config = models, config
        self._cache = Cache(config.cache_bytes) if cache is None else cache

    def segment(self, image: Image, query: Query, give_way: GiveWay = lambda: None) -> Answer:
        """Answer a query about an image (H, W, 3); a query that asks for nothing finds nothing, but has it encoded.

        `give_way` is called between the steps of long work. Raises BadQuery for a query that cannot be answered,
        BadImage for a picture without pixels, and OutOfMemory.
        """
        (answer,) = self.segment_each([image], query, give_way)
        return answer

    def segment_each(
        self, images: Sequence[Image], query: Query, give_way: GiveWay = lambda: None
    ) -> tuple[Answer, ...]:
        """Answer one query about each of several images, which share the backbone's passes. Raises what `segment` does.

        Answers are those of one image at a time, but for rounding.
        """
        return tuple(draw() for draw in self.find_each(images, query, give_way))

    def find_each(
        self, images: Sequence[Image], query: Query, give_way: GiveWay = lambda: None
    ) -> tuple[Callable[[], Answer], ...]:
        """Do what `segment_each` needs the models for; what is given for each image draws its answer.

        Any thread may draw, and none has to: that asks neither models nor cache, and holds little of what they gave.
        Raises what `segment` does; drawing raises OutOfMemory.
        """
        found = self.under(query.preset).within_memory(lambda engine: engine._found(images, query, give_way))
        return tuple(partial(once, draw) for draw in found)

    def under(self, preset: str) -> Engine:
        """The same models and cache with the configuration of a preset."""
        return Engine(self.models, presets.under(self.config, preset), self._cache)

    def within_memory(self, work: Callable[[Engine], T]) -> T:
        """Do some work, and where memory is short do it once more, in smaller steps and with nothing kept.

        Raises OutOfMemory where it is short then, too.
        """
        for again in (False, True):
            engine = Engine(frugal(self.models), self.config, self._cache) if again else self
            try:
                return work(engine)
            except Exception as error:
                if not is_short(error):
                    raise
                logger.warning("Memory is short, %s: %s", "given up" if again else "once more", said(error))
                give_back(error, self._cache)
        raise OutOfMemory(TOLD)

    def _found(self, images: Sequence[Image], query: Query, give_way: GiveWay) -> list[Callable[[], Answer]]:
        for image in images:
            self._check(image, query)
        # 1. Text -> phrases and their tokens; what cannot be put into words is left out
        wordings, left_out = self._wordings(query)
        # 2. Pictures -> SAM's features, and how their contrast is stretched; cached
        pictures = [self.see(image) for image in pausing(images, give_way)]
        # 3. Embeddings fitted (InvSeg, Segment Anyword), attention, phrase maps, refinement (iSeg), evidence
        questions = [TextQuestion(seen, wording) for seen in pictures for wording in wordings]
        texts = iter(locate(self.sight, questions, give_way))
        located = [[each for text in islice(texts, len(wordings)) for each in text] for _ in pictures]
        # 4. For each picture its objects, up to where their masks are drawn
        drawn = [self._find(*each, query, give_way) for each in zip(pictures, located, strict=True)]
        return [partial(_warned, left_out, draw) for draw in drawn]

    def _find(self, seen: Seen, located: Sequence[Located], query: Query, give_way: GiveWay) -> Callable[[], Answer]:
        sight, config = self.sight, self.config.selection
        stretched = (STRETCHED,) if seen.stretch else ()
        warnings = (*stretched, *dict.fromkeys(each.warning for each in located if each.warning))
        # 4a. What was pointed at is one object each; the text says which of SAM's masks is meant
        if query.hints:
            return partial(_answer, pointed(sight, seen, query.hints, located), (), warnings)
        if not query.clauses:
            give_way()
            sight.latents(seen)  # a query that asks for nothing has the picture encoded
        # 4b. Mask prompts, SAM, proposals (PMP); presence; one object belongs to one phrase
        offered = propose(sight, seen, located)
        found = objects(sight, seen, located, offered, give_way)
        chosen = list(zip(located, exclusive(found, config.overlap), strict=True))
        left = [sketch for each, choices in chosen for sketch in sketches(sight, seen, each, choices, query.separate)]
        return partial(_answer, left, tuple(finding_of(each, choices) for each, choices in chosen), warnings)

    def words(self, image: Image, query: Query) -> tuple[Wording, ...]:
        """Check a query and put its clauses into words, before anything is computed."""
        self._check(image, query)
        return self._wordings(query)[0]

    def left_out(self, clauses: Sequence[Clause]) -> tuple[str, ...]:
        """Why some of these clauses cannot be looked for, in words for an annotator; asks no network.

        No tokenizer makes more pieces than bytes, so short names fit: a thousand of them are not parsed for this.
        """
        room = self.models.backbone.max_tokens - len(self.config.template)
        known = frozenset(self.models.backbone.words)
        spoken = [normalised(clause, known) for clause in clauses]
        return self._worded([each for each in spoken if not each.name or len(each.text.encode()) > room])[1]

    def _check(self, image: Image, query: Query) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise BadImage(f"a picture of shape (H, W, 3) is needed, this one is {image.shape}")
        for hint in query.hints:
            check(hint, (image.shape[0], image.shape[1]))

    def _wordings(self, query: Query) -> tuple[tuple[Wording, ...], tuple[str, ...]]:
        """Put a query's clauses into words; those that cannot be are told, and the others are answered.

        Raises BadQuery where none is left.
        """
        wordings, left_out = self._worded(query.clauses)
        if left_out and not wordings and not query.hints:
            raise BadQuery(left_out[0])
        return wordings, left_out

    def _worded(self, clauses: Sequence[Clause]) -> tuple[tuple[Wording, ...], tuple[str, ...]]:
        """InvSeg parts classes from each other, so there labels share a text; else each clause has its own."""
        parser, backbone, template = self.models.parser, self.models.backbone, self.config.template
        known = frozenset(backbone.words)  # a text encoder has tens of thousands
        spoken = [normalised(clause, known) for clause in clauses]
        if self.config.inversion.objective == "clustering" and all(clause.name for clause in clauses):
            return joint_wordings(spoken, parser, backbone, template)
        return word_what_can_be(spoken, parser, backbone, template)

    def see(self, image: Image) -> Seen:
        """Encode a picture for the segmenter, once for each content."""
        return self.sight.see(image)

    def attend(self, seen: Seen, wording: Wording, give_way: GiveWay = lambda: None) -> Attention:
        """What the backbone looks at, the text fitted to the picture and enhanced; once for each picture and text."""
        ((attention, _),) = self.sight.attend([TextQuestion(seen, wording)], give_way)
        return attention

    @property
    def sight(self) -> Features:
        """The models as they are asked under this configuration."""
        return Features(self.models, self.config, self._cache)


def _answer(sketches: Sequence[SegmentDraft], findings: tuple[Finding, ...], warnings: tuple[str, ...]) -> Answer:
    segments, remarks = drawn(sketches)
    return Answer(segments, findings, (*warnings, *remarks))


def _warned(warnings: tuple[str, ...], draw: Callable[[], Answer]) -> Answer:
    answer = draw()
    return replace(answer, warnings=(*warnings, *answer.warnings)) if warnings else answer


def finding_of(located: Located, choices: Sequence[Choice]) -> Finding:
    """How a phrase was answered; where it is not there, how strongly its brightest cell speaks for it."""
    surest = max((choice.evidence for choice in choices), default=float(located.evidence.max()))
    phrase, clause = located.sought.phrase, located.sought.clause
    return Finding(phrase, clause, located.scores, surest, bool(choices), located.attended)

"""What the models saw of the pictures that are learned from, so that other settings are tried at little cost.

A picture is encoded once. What remains of it is small: a copy of at most `SMALL` pixels a side, the segmenter's
embedding, and, in a bounded cache, attention. Everything after attention is done anew, by the engine's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
import torch
from cachetools import LRUCache

from model.coco_rle import CocoRle, pack, unpack
from model.config import EngineConfig
from model.engine import Engine
from model.errors import BadImage
from model.grounding.features import Features, Models, Seen, TextQuestion
from model.grounding.localize import Located, locate
from model.learning.dataset.agreement import frame_of, framed
from model.learning.dataset.consensus import size_of
from model.learning.dataset.learning_examples import Curriculum, LearningExample
from model.learning.guard import Marks
from model.learning.lesson_content import NOTHING, content_of, text_of
from model.learning.lesson_query import clauses_of
from model.learning.overrides import under
from model.masks.draft import drawn
from model.masks.habits import finished
from model.masks.instances import objects, propose, sketches
from model.masks.selection import Choice, exclusive
from model.methods.pmp import about
from model.methods.segment_anyword.inversion import GiveWay
from model.protocols import Parser, Segmenter
from model.runtime.cache import Cache
from model.types import Candidates, Clause, Image, ImageEmbedding, Lesson, Mask, MaskPrompt, Proposals, Query

SMALL = 512  # pixels along the longer side of the copies: enough to draw borders for a frame half as fine
ATTENTION_BYTES = 128 * 2**20
DECODED_BYTES = 128 * 2**20
PLAIN = "fast"  # the preset that other texts are tried under: one pass, where an inversion costs seconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class LabelReading:
    """Where the phrases of a label are on a picture, under which configuration, and what other labels claim there."""

    sight: Features
    located: tuple[Located, ...]
    offered: Proposals | None
    rivals: tuple[tuple[Choice, ...], ...]


class Decoder:
    """A segmenter that remembers its answers, within a budget in bytes: most settings ask it what others asked."""

    def __init__(self, segmenter: Segmenter, budget: int) -> None:
        self._segmenter = segmenter
        self._answers: LRUCache[tuple[object, ...], Candidates] = LRUCache(
            budget, getsizeof=lambda each: each.low_res_masks.nbytes
        )

        self.name, self.embed, self.enlarge = segmenter.name, segmenter.embed, segmenter.enlarge

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: GiveWay = lambda: None
    ) -> tuple[Candidates, ...]:
        """The segmenter's answers; it is asked for those alone that are not remembered."""
        keys = [(id(embedding), *_prompt_key(prompt)) for prompt in prompts]
        known = {key: self._answers[key] for key in keys if key in self._answers}
        unknown = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in known}
        answers = self._segmenter.decode(embedding, list(unknown.values()), give_way)
        for key, answer in zip(unknown, answers, strict=True):
            known[key] = answer
            if answer.low_res_masks.nbytes <= self._answers.maxsize:
                self._answers[key] = answer
        return tuple(known[key] for key in keys)


class Memory:
    """Answers for the pictures of a curriculum, as pre-annotation gives them or replayed. Used inside the lane."""

    def __init__(self, engine: Engine, curriculum: Curriculum, give_way: GiveWay) -> None:
        models = engine.models
        remembering = Models(models.backbone, Decoder(models.segmenter, DECODED_BYTES), models.parser, models.proposer)
        self._engine = Engine(models, engine.config, Cache(ATTENTION_BYTES))
        self._replaying = Engine(remembering, engine.config, self._engine._cache)
        self.curriculum, self.give_way = curriculum, give_way
        self._seen: dict[str, Seen] = {}
        self._frames: dict[str, tuple[int, int]] = {}
        self._readings: dict[tuple[object, ...], LabelReading] = {}
        self._shapes: dict[tuple[object, ...], tuple[tuple[CocoRle, ...], ...]] = {}

    def answer(self, example: LearningExample, lessons: Mapping[str, Lesson]) -> Marks:
        """The objects of each label as pre-annotation finds them, in the frame of agreement.py.

        Raises BadImage for a picture that is gone, and for one of another size than its masks.
        """
        image = example.image()
        if size_of(example) not in (None, image.shape[:2]):
            raise BadImage(
                f"the picture of {example.picture} is {image.shape[:2]} now, its masks are {size_of(example)}"
            )
        asked = clauses_of(self.curriculum.labels, lessons)
        query = Query(
            tuple(clause for _, clause in asked), separate=self.curriculum.separate, preset=self.curriculum.preset
        )
        segments = self._engine.segment(image, query, self.give_way).segments
        self._remember(example, image)
        frame = frame_of((image.shape[0], image.shape[1]))
        return {
            label: tuple(
                framed(each.mask, frame)
                for each in segments
                if each.clause is not None and asked[each.clause][0] == label
            )
            for label in self.curriculum.labels
        }

    def found(self, example: LearningExample, label: str, lesson: Lesson) -> tuple[Mask, ...]:
        """The objects of one label under a lesson, replayed: in agreement.py's frame, the other labels as in force.

        Under other phrases or embeddings than those in force, the label is read alone, under the preset `PLAIN`.
        """
        finish = under(self.config, lesson).finish
        shapes = [[unpack(each) for each in clause] for clause in self._shaped(example, label, lesson)]
        separate = self.curriculum.separate if lesson.separate is None else lesson.separate
        if not separate:
            shapes = [[np.asarray(np.any(clause, axis=0))] for clause in shapes if clause]
        masks = [finished(mask, finish) for clause in shapes for mask in clause]
        return tuple(mask for mask in masks if mask.any())

    def seen(self, example: LearningExample) -> Seen:
        """The small copy of a picture, with the whole picture's embedding. Raises BadImage."""
        if example.picture not in self._seen:
            self._remember(example, example.image())
        return self._seen[example.picture]

    def frame(self, example: LearningExample) -> tuple[int, int]:
        """The frame (h, w) that masks of a picture are compared in: the whole one's, not that of its small copy.

        The copy's sides are rounded, so its frame may differ by a row or a column. Raises BadImage.
        """
        self.seen(example)
        return self._frames[example.picture]

    @property
    def plain(self) -> Features:
        """The models under the preset that other texts are tried under."""
        return self._replaying.under(PLAIN).sight

    @property
    def config(self) -> EngineConfig:
        """What holds for pre-annotations without any lesson."""
        return self._engine.under(self.curriculum.preset).config

    @property
    def parser(self) -> Parser:
        """The parser that reads phrases."""
        return self._engine.models.parser

    def latents(self, seen: Seen) -> torch.Tensor:
        """The backbone's picture (1, c, s, s)."""
        return self.plain.latents(seen)

    def _remember(self, example: LearningExample, image: Image) -> None:
        if example.picture in self._seen:
            return
        whole = self._engine.see(image)
        scale = SMALL / max(whole.size)
        self._frames[example.picture] = frame_of(whole.size)
        small = image if scale >= 1 else _smaller(image, scale)
        embedding = replace(whole.embedding, size=(small.shape[0], small.shape[1]))
        self._seen[example.picture] = Seen(whole.key, small, embedding, whole.stretch)

    def _shaped(self, example: LearningExample, label: str, lesson: Lesson) -> tuple[tuple[CocoRle, ...], ...]:
        """By clause, the objects before they are finished; kept, because finishing is what is tried most."""
        changes = {section: values for section, values in lesson.changes.items() if section != "finish"}
        bare = replace(lesson, changes=changes, separate=True)

        def shape() -> tuple[tuple[CocoRle, ...], ...]:
            self.give_way()
            seen, reading = self.seen(example), self._reading(example, label, bare)
            sight, frame = reading.sight, self.frame(example)
            located = [replace(each, sought=replace(each.sought, lesson=bare)) for each in reading.located]
            own = objects(sight, seen, located, reading.offered, self.give_way)
            chosen = exclusive([*own, *reading.rivals], sight.config.selection.overlap)[: len(own)]
            pairs = zip(located, chosen, strict=True)
            segments = [drawn(sketches(sight, seen, each, choices, True))[0] for each, choices in pairs]
            return tuple(tuple(pack(framed(one.mask, frame)) for one in each) for each in segments)

        return _kept(self._shapes, (example.picture, label, content_of(bare)), shape)

    def _reading(self, example: LearningExample, label: str, lesson: Lesson) -> LabelReading:
        key = example.picture, label, text_of(lesson), repr(lesson.changes.get("refine"))
        return _kept(self._readings, key, lambda: self._read(example, label, lesson))

    def _read(self, example: LearningExample, label: str, lesson: Lesson) -> LabelReading:
        in_force = self.curriculum.in_force
        seen = self.seen(example)
        if text_of(lesson) != text_of(in_force.get(label, NOTHING)):
            asked = clauses_of({label: self.curriculum.labels[label]}, {label: lesson})
            located = _located(self._replaying.under(PLAIN), seen, asked, self.give_way)
            usual = self._reading(example, label, in_force.get(label, NOTHING))
            return LabelReading(self.plain, tuple(located), None, usual.rivals)
        engine = self._replaying.under(self.curriculum.preset)
        asked = clauses_of(self.curriculum.labels, {**in_force, label: lesson})
        located = _located(engine, seen, asked, self.give_way)
        offered = propose(engine.sight, seen, located)
        numbers = range(len(located))
        own = [number for number in numbers if asked[located[number].sought.clause][0] == label]
        others = [number for number in numbers if number not in own]
        of_others = [located[number] for number in others]
        rivals = objects(engine.sight, seen, of_others, about(offered, others), self.give_way)
        return LabelReading(engine.sight, tuple(located[number] for number in own), about(offered, own), tuple(rivals))


def _located(engine: Engine, seen: Seen, asked: Sequence[tuple[str, Clause]], give_way: GiveWay) -> list[Located]:
    wordings = engine.words(seen.image, Query(tuple(clause for _, clause in asked)))
    located = locate(engine.sight, [TextQuestion(seen, wording) for wording in wordings], give_way)
    return [each for found in located for each in found]


def _smaller(image: Image, scale: float) -> Image:
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _prompt_key(prompt: MaskPrompt) -> tuple[object, ...]:
    arrays = (prompt.point_coords, prompt.point_labels, prompt.box, prompt.mask_input)
    return (*(None if each is None else each.tobytes() for each in arrays), prompt.multimask_output)


def _kept(values: dict[tuple[object, ...], T], key: tuple[object, ...], compute: Callable[[], T]) -> T:
    """The value under a key, computed where it is not there."""
    if key not in values:
        values[key] = compute()
    return values[key]

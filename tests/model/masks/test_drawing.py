"""What the models leave of an answer is drawn by any thread, without them, and the lane is free meanwhile."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.adapters.diffusers.backbone import DiffusersBackbone
from model.adapters.sam.segmenter import SamSegmenter
from model.config import overridden
from model.engine import Engine
from model.errors import OutOfMemory
from model.methods.segment_anyword.inversion import GiveWay
from model.runtime.cache import Cache
from model.runtime.low_memory import FrugalBackbone, FrugalSegmenter
from model.types import Answer, Attention, Box, Candidates, Clause, Hint, ImageEmbedding, MaskPrompt, Point, Query
from tests.model.test_engine import lone, two_circles

LABELS = (Clause("Heart", name=True), Clause("Circle", name=True))
HINTS = (Hint((Point(100, 100), Point(5, 5, False))), Hint(box=Box(60, 60, 200, 200)))
QUERIES = [
    Query(LABELS),
    Query((Clause("circles"),), separate=False),
    Query(hints=HINTS),
    Query((Clause("a circle"),), HINTS),
    Query(),
]

Held = list[weakref.ref[torch.Tensor]]


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers are equal, bit for bit."""
    alike = [np.array_equal(*pair) for pair in zip(arrays(one), arrays(other), strict=True)]
    return told(one) == told(other) and all(alike)


def told(answer: Answer) -> tuple[object, ...]:
    segments = [(each.score, each.presence, each.phrase, each.clause, each.hint) for each in answer.segments]
    return segments, [(each.phrase, each.clause, each.presence) for each in answer.findings], answer.warnings


def arrays(answer: Answer) -> list[NDArray[Any]]:
    made_of = [each.low_res_mask for each in answer.segments if each.low_res_mask is not None]
    return [*(each.mask for each in answer.segments), *made_of, *(each.scores for each in answer.findings)]


@pytest.mark.parametrize("query", QUERIES, ids=["labels", "as one", "hints", "text and hints", "nothing"])
def test_what_other_threads_draw_is_what_is_answered_at_once(engine: Engine, query: Query) -> None:
    images = [two_circles(), lone("heart").image]
    expected = engine.segment_each(images, query)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda draw: draw(), engine.find_each(images, query)))
    assert all(map(same, answers, expected))
    assert any(answer.segments for answer in answers) == (query != Query())


@pytest.mark.parametrize("query", [Query(LABELS), Query((Clause("a circle"),), HINTS)], ids=["labels", "hints"])
def test_drawing_asks_neither_models_nor_cache(engine: Engine, query: Query) -> None:
    fresh = Engine(engine.models, engine.config)
    (draw,) = fresh.find_each([two_circles()], query)
    fresh._cache.clear()
    with unasked(engine):
        answer = draw()
    assert answer.segments
    assert not fresh._cache._pictures
    assert not fresh._cache._texts


@contextmanager
def unasked(engine: Engine) -> Iterator[None]:
    """No model computes anything in the block."""
    backbone, segmenter = engine.models.backbone, engine.models.segmenter
    assert isinstance(backbone, DiffusersBackbone)
    assert isinstance(segmenter, SamSegmenter)

    def refuse(module: torch.nn.Module, *_: object) -> None:
        raise AssertionError(f"{type(module).__name__} was asked")

    with ExitStack() as hooks:
        for part in (*segmenter.model.modules(), *backbone.unet.modules()):
            hooks.callback(part.register_forward_pre_hook(refuse).remove)
        yield


class Looked(FrugalBackbone):
    """A backbone that knows whether anybody holds what it saw."""

    def __init__(self, engine: Engine, held: Held) -> None:
        super().__init__(engine.models.backbone)
        self._held = held

    def attend(self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0) -> tuple[Attention, ...]:
        looks = super().attend(latents, embeddings, draw)
        self._held += [weakref.ref(each) for look in looks for each in (look.among, look.broad, *look.cross)]
        return looks


class Decoded(FrugalSegmenter):
    """A segmenter that knows whether anybody holds its pictures."""

    def __init__(self, engine: Engine, held: Held) -> None:
        super().__init__(engine.models.segmenter)
        self._held = held

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: GiveWay = lambda: None
    ) -> tuple[Candidates, ...]:
        self._held.append(weakref.ref(embedding.features))
        return super().decode(embedding, prompts, give_way)


@pytest.mark.parametrize("decode", [True, False], ids=["masks", "maps"])
@pytest.mark.parametrize("query", [Query(LABELS), Query((Clause("a circle"),), HINTS)], ids=["labels", "hints"])
def test_what_is_left_to_draw_holds_nothing_large(engine: Engine, query: Query, decode: bool) -> None:
    held = Held()
    models = replace(engine.models, backbone=Looked(engine, held), segmenter=Decoded(engine, held))
    config = overridden(engine.config, {"syntax": {"decode": decode}})
    (draw,) = Engine(models, config, Cache(0)).find_each([two_circles()], query)
    gc.collect()
    assert len(held) > 2
    assert [each() for each in held] == [None] * len(held)
    assert draw().segments


def test_a_picture_without_memory_for_its_masks_costs_itself_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, query = [two_circles(), lone("circle").image], Query(LABELS)
    first, second = engine.find_each(images, query)
    with monkeypatch.context() as short:
        short.setattr(cv2, "blur", failing("(-4:Insufficient memory) Failed to allocate 3 bytes"))
        with pytest.raises(OutOfMemory, match="use a smaller picture") as failed:
            first()
    assert failed.value.__context__ is None, "what failed is not held"
    answers = engine.segment_each(images, query)
    assert same(second(), answers[1])
    assert same(first(), answers[0]), "and may be tried once more"


def test_other_failures_of_drawing_are_told_as_they_are(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    (draw,) = engine.find_each([two_circles()], Query(LABELS))
    monkeypatch.setattr(cv2, "blur", failing("(-215:Assertion failed)"))
    with pytest.raises(cv2.error, match="Assertion failed"):
        draw()


def failing(message: str) -> Callable[..., None]:
    """A function of OpenCV that fails."""

    def fail(*_: object, **__: object) -> None:
        raise cv2.error(message)

    return fail

"""Too little memory: the same answer in smaller steps, or a clear error, and an engine that goes on."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from model.adapters.diffusers.backbone import DiffusersBackbone
from model.adapters.sam.segmenter import SamSegmenter
from model.config import InversionConfig, overridden
from model.engine import Engine
from model.errors import BadQuery, OutOfMemory
from model.grounding.label_maps import label
from model.methods.diffseg import regions
from model.methods.segment_anyword.inversion import draw
from model.protocols import Backbone
from model.runtime.low_memory import FrugalBackbone
from model.runtime.memory_shortage import is_short
from model.types import Answer, Clause, Query
from tests.model.memory import measured
from tests.model.test_engine import lone, two_circles

Forward = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]


@contextmanager
def before(module: torch.nn.Module, hook: Forward) -> Iterator[None]:
    """Have a hook called before each pass of a real module."""
    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def failing(too_large: Callable[[int], bool]) -> Forward:
    """A module that has too little memory for batches of some sizes."""

    def check(_: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        first = named["image_embeddings"] if "image_embeddings" in named else positional[0]
        if too_large(len(first)):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB")

    return check


def sam(engine: Engine) -> torch.nn.Module:
    assert isinstance(engine.models.segmenter, SamSegmenter)
    module: torch.nn.Module = engine.models.segmenter.model
    return module


def unet(engine: Engine) -> torch.nn.Module:
    assert isinstance(engine.models.backbone, DiffusersBackbone)
    module: torch.nn.Module = engine.models.backbone.unet
    return module


@contextmanager
def first_failing(module: torch.nn.Module) -> Iterator[None]:
    """Only the first pass has too little memory, and there is one."""
    calls = iter([True])
    with before(module, failing(lambda _: next(calls, False))):
        yield
    assert not list(calls)


@pytest.fixture
def fresh(engine: Engine) -> Engine:
    """The models without what earlier tests left in the cache."""
    return Engine(engine.models, engine.config)


def alike(one: Answer, other: Answer) -> bool:
    masks = [[each.mask for each in answer.segments] for answer in (one, other)]
    return len(masks[0]) == len(masks[1]) > 0 and all(map(np.array_equal, *masks))


def test_a_decoder_that_takes_one_prompt_at_a_time_gives_the_same_masks(engine: Engine, fresh: Engine) -> None:
    image, query, sizes = two_circles(), Query((Clause("circles"),)), list[int]()
    calm = engine.segment(image, query)
    with (
        before(sam(fresh), lambda _, __, named: sizes.append(len(named["image_embeddings"]))),
        before(sam(fresh), failing(lambda size: size > 1)),
    ):
        short = fresh.segment(image, query)
    assert alike(calm, short)
    assert len(short.segments) == 2
    assert sizes[0] > 1
    assert set(sizes[1:]) == {1}


def test_an_inversion_in_smaller_steps_gives_the_same_masks(engine: Engine, fresh: Engine) -> None:
    image, query = lone("heart").image, Query((Clause("a heart"),))
    config = overridden(engine.config, {"inversion": {"objective": "denoising", "steps": 2}})
    calm = Engine(engine.models, config).segment(image, query)
    with first_failing(unet(fresh)):
        short = Engine(fresh.models, config).segment(image, query)
    assert alike(calm, short)
    assert short.warnings == calm.warnings


def asked_everything(backbone: Backbone, latents: torch.Tensor, texts: torch.Tensor) -> list[torch.Tensor]:
    noisy, _, timesteps = draw(backbone, latents, InversionConfig(), 0)
    noise, looks = backbone.denoise(noisy, timesteps, texts[0]), backbone.attend(latents, texts)
    glances = backbone.glance(latents.expand(len(texts), -1, -1, -1), texts)
    return [*noise, *(each.among for each in looks), *(each[0] for each in glances)]


def test_draws_and_texts_are_taken_one_at_a_time(engine: Engine) -> None:
    whole, sizes = engine.models.backbone, list[int]()
    small = FrugalBackbone(whole)
    latents = whole.encode(np.full((whole.canvas_size, whole.canvas_size, 3), 100, np.uint8))
    texts = torch.stack([whole.embed(whole.tokenize(text)) for text in ("a red heart", "two stars", "")])
    with torch.no_grad():
        together = asked_everything(whole, latents, texts)
        with before(unet(engine), lambda _, given, __: sizes.append(len(given[0]))):
            apart = asked_everything(small, latents, texts)
    assert sizes == [1] * len(together)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(together, apart, strict=True))


def test_a_clustering_that_fails_once_gives_the_same_masks(engine: Engine, fresh: Engine) -> None:
    image, query = lone("star").image, Query((Clause("star", name=True),))
    config = overridden(engine.config, {"inversion": {"objective": "clustering", "steps": 1, "rate": 0.01}})
    calm = Engine(engine.models, config).segment(image, query)
    with first_failing(unet(fresh)):
        assert alike(calm, Engine(fresh.models, config).segment(image, query))


def test_label_maps_and_regions_are_tried_again_too(engine: Engine, fresh: Engine) -> None:
    image = lone("square").image
    with first_failing(unet(fresh)):
        short = label(fresh, image, ["square", "heart"]).labels
    assert np.array_equal(label(engine, image, ["square", "heart"]).labels, short)
    with first_failing(unet(fresh)):
        parts = regions(Engine(engine.models, engine.config), image).labels
    assert np.array_equal(regions(engine, image).labels, parts)


def test_two_failures_are_told_in_words_and_the_engine_goes_on(engine: Engine, fresh: Engine) -> None:
    image, query, held = two_circles(), Query((Clause("circles"),)), list[weakref.ref[torch.Tensor]]()

    def note(_: Any, __: Any, named: dict[str, Any]) -> None:
        held.append(weakref.ref(named["image_embeddings"]))

    with (
        before(sam(fresh), note),
        before(sam(fresh), failing(lambda _: True)),
        pytest.raises(OutOfMemory, match="use a smaller picture") as told,
    ):
        fresh.segment(image, query)
    gc.collect()
    assert len(held) == 2
    assert [each() for each in held] == [None, None], "what the failed steps held is free"
    assert not fresh._cache._pictures
    assert not fresh._cache._texts
    assert told.value.__cause__ is None
    assert alike(engine.segment(image, query), fresh.segment(image, query))


@measured
def test_a_machine_without_memory_is_told_of_and_the_engine_goes_on() -> None:
    command = [sys.executable, "-m", "tests.model.limited_memory", "8", "500"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["OutOfMemory then the same", "2 segments then the same"]


def test_other_failures_are_not_tried_again(fresh: Engine) -> None:
    calls = []

    def work(_: Engine) -> None:
        calls.append(1)
        raise BadQuery("the text is empty")

    with pytest.raises(BadQuery):
        fresh.within_memory(work)
    assert len(calls) == 1


@pytest.mark.parametrize("allocate", [lambda: torch.empty(1 << 58), lambda: np.empty(1 << 58)], ids=["torch", "numpy"])
def test_the_allocators_of_this_machine_are_understood(allocate: Callable[[], object]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as failed:
        allocate()
    assert is_short(failed.value)


def test_other_errors_are_not_taken_for_missing_memory() -> None:
    assert not is_short(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_short(BadQuery("the text is too long"))


@pytest.mark.parametrize("what", ["denoise", "attend"])
def test_gradients_are_the_same_and_less_is_kept_for_them(engine: Engine, what: str) -> None:
    whole = engine.models.backbone
    found = [_gradient(backbone, engine, what) for backbone in (whole, FrugalBackbone(whole))]
    (gradient, kept), (same, less) = found
    assert gradient.abs().max() > 0
    assert torch.allclose(gradient, same, rtol=1e-3, atol=1e-5 * float(gradient.abs().max()))
    assert less < kept / 50


def _gradient(backbone: Backbone, engine: Engine, what: str) -> tuple[torch.Tensor, int]:
    """The gradient of a pass in the embeddings, and how many bytes were kept for it."""
    latents = backbone.encode(np.full((backbone.canvas_size, backbone.canvas_size, 3), 100, np.uint8))
    embeddings = backbone.embed(backbone.tokenize("a red heart")).clone().requires_grad_()
    kept = [0]

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[0] += tensor.nelement() * tensor.element_size()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        if what == "denoise":
            noisy, noise, timesteps = draw(backbone, latents, engine.config.inversion, 0)
            loss = (backbone.denoise(noisy, timesteps, embeddings) - noise).square().mean()
        else:
            (seen,) = backbone.attend(latents, embeddings[None])
            loss = seen.cross[-1].square().sum()
    loss.backward()
    assert embeddings.grad is not None
    return embeddings.grad, kept[0]

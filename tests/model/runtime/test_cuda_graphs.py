"""Recordings against the same functions called."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from model.adapters.diffusers.backbone import load_backbone
from model.config import EngineConfig
from model.loading import WEIGHTS
from model.methods.invseg import Views, cluster
from model.methods.segment_anyword.inversion import Subject, invert
from model.presets import under
from model.runtime.cache import Cache
from model.runtime.cuda_graphs import KEPT, GraphRecorder
from model.runtime.memory_shortage import give_back
from model.text.prompt_text import Sought
from model.types import Phrase, Word
from tests.model.adapters.graphs import stand_in

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Where tensors are: on a CPU with a stand-in for CUDA's graphs, and on a real device where there is one."""
    if request.param == "cpu":
        stand_in(monkeypatch)
    elif not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    return torch.device(request.param)


def product(states: torch.Tensor, factors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Two answers, the second without a gradient."""
    bent = checkpoint(torch.tanh, states, use_reentrant=False, preserve_rng_state=False)
    return (bent * factors).sum(1), (states * 2).detach()


def drawn(device: torch.device, rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    states, factors = (torch.randn(rows, 5, 7, generator=generator).to(device) for _ in range(2))
    return states, factors


def test_on_a_cpu_a_function_is_simply_called() -> None:
    calls = []

    def noted(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        calls.append(len(given[0]))
        return product(*given)

    recorder, given = GraphRecorder(CPU), drawn(CPU, 5, 0)
    answers = [recorder("product", noted, *given) for _ in range(2)]
    assert calls == [5, 5]
    assert all(torch.equal(*pair) for pair in zip(*answers, strict=True))


@pytest.mark.parametrize("rows", [1, 2, 5, 8, 15])
def test_any_number_of_rows_is_answered_as_by_the_function(device: torch.device, rows: int) -> None:
    recorder = GraphRecorder(CUDA)
    for seed in range(3):
        given = drawn(device, rows, seed)
        for found, expected in zip(recorder("product", product, *given), product(*given), strict=True):
            torch.testing.assert_close(found, expected)


def test_a_shape_is_recorded_once(device: torch.device) -> None:
    calls: list[int] = []

    def noted(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        calls.append(len(given[0]))
        return product(*given)

    recorder = GraphRecorder(CUDA)
    for rows in (3, 1, 2, 3):
        recorder("product", noted, *drawn(device, rows, rows))
    assert calls == [2, 2, 1, 1]  # once for the libraries to choose their kernels, once while recording


def test_an_answer_stays_when_others_follow(device: torch.device) -> None:
    recorder = GraphRecorder(CUDA)
    first, _ = recorder("product", product, *drawn(device, 2, 0))
    for seed in range(1, 4):
        recorder("product", product, *drawn(device, 2, seed))
        recorder("other", lambda *given: (given[0].exp(), given[1]), *drawn(device, 2, seed))
    torch.testing.assert_close(first, product(*drawn(device, 2, 0))[0])


@pytest.mark.parametrize("rows", [1, 3])
def test_gradients_are_the_function_s_own(device: torch.device, rows: int) -> None:
    recorder = GraphRecorder(CUDA)
    for seed in range(2):
        states, factors = drawn(device, rows, seed)
        found, expected = (states.clone().requires_grad_() for _ in range(2))
        answer, still = recorder("product", product, found, factors)
        assert not still.requires_grad
        (answer**2).sum().backward()
        (product(expected, factors)[0] ** 2).sum().backward()
        torch.testing.assert_close(found.grad, expected.grad)
        assert factors.grad is None


def test_a_way_back_is_right_after_others_have_worked_in_the_same_memory(device: torch.device) -> None:
    recorder, wanted, found = GraphRecorder(CUDA), [], []
    pairs = [(states.requires_grad_(), factors) for states, factors in (drawn(device, 2, seed) for seed in range(3))]
    answers = [recorder("product", product, *pair)[0] for pair in pairs]
    recorder("other", lambda *given: (given[0].exp() @ given[1].mT,), *drawn(device, 2, 9))
    for pair, answer in zip(pairs, answers, strict=True):
        (gradient,) = torch.autograd.grad(answer.exp().sum(), pair[0])
        found.append(gradient)
        wanted.append(torch.autograd.grad(product(*pair)[0].exp().sum(), pair[0])[0])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_recordings_that_were_not_used_for_long_are_given_up(device: torch.device) -> None:
    recorder = GraphRecorder(CUDA)
    for number in range(KEPT + 3):
        recorder(number, product, *drawn(device, 1, number))
    assert len(recorder._recordings) == KEPT
    torch.testing.assert_close(recorder(0, product, *drawn(device, 1, 0)), product(*drawn(device, 1, 0)))


def test_recordings_are_given_back_where_memory_is_short_and_made_anew(device: torch.device) -> None:
    recorder, given = GraphRecorder(CUDA), drawn(device, 2, 0)
    states = given[0].requires_grad_()
    answer, _ = recorder("product", product, *given)
    give_back(MemoryError(), Cache(1))
    assert not recorder._recordings
    for each in (answer, recorder("product", product, *given)[0]):
        (gradient,) = torch.autograd.grad(each.exp().sum(), states)
        torch.testing.assert_close(gradient, torch.autograd.grad(product(*given)[0].exp().sum(), states)[0])


def test_inversion_and_clustering_through_recordings_are_those_without(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    backbone = load_backbone(str(WEIGHTS / "backbone"), CPU, torch.float32)
    tokens, config = backbone.tokenize("a dog and a cat"), under(EngineConfig(), "balanced")
    latents = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(1))
    subject, text = Subject(latents, tokens, (((2,),), ((5,),))), backbone.embed(tokens)
    steps = replace(under(EngineConfig(), "accurate").inversion, still=0.0, steps=2)
    words = [Sought(Phrase("cat", Word("cat", "cat", 0, 3)), 0, (each,), ()) for each in (2, 5)]
    views = [Views(latents * each, latents.flip(3) * each, tuple(words), text) for each in (1, 0.5, 0.2)]
    found = []
    for device in (CPU, CUDA):
        backbone.recorder, backbone.text_recorder = GraphRecorder(device), GraphRecorder(device)
        found.append([invert(backbone, subject, steps, lambda: None), *cluster(backbone, views, config, lambda: None)])
    starts = (backbone.embed(tokens, backbone.inputs(tokens)), *(text for _ in views))
    for start, plain, recorded in zip(starts, *found, strict=True):
        assert plain.steps == recorded.steps > 0
        # Adam divides a gradient by its own size, and so enlarges the rounding of small ones: judge by the way gone.
        assert (recorded.embeddings - plain.embeddings).norm() < 0.01 * (plain.embeddings - start).norm()

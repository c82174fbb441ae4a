"""The denoising inversion on the embedded backbone, and DDIM inversion against the equation."""

from dataclasses import replace

import pytest
import torch

from model.config import InversionConfig
from model.embedded import scenes
from model.engine import Engine
from model.methods.segment_anyword.inversion import (
    DIVERGED,
    Subject,
    Watched,
    ahead,
    contrast,
    draw,
    draws,
    invert,
    slope,
    trace,
)
from model.types import Attention, Clause, Query

SHORT = InversionConfig(objective="denoising", steps=4, batch=2, still=0.0)


@pytest.fixture(scope="module")
def subject(engine: Engine) -> Subject:
    scene = scenes.draw(3_000_001, 128, most=1)
    (wording,) = engine.words(scene.image, Query((Clause("a red circle"),)))
    latents = engine.sight.latents(engine.see(scene.image))
    return Subject(latents, wording.tokens, tuple(each.words for each in wording.sought))


def idle() -> None:
    """Nobody waits."""


def test_only_the_words_of_nouns_and_modifiers_are_learned(subject: Subject) -> None:
    words = [subject.tokens.text[slice(*subject.tokens.spans[at])] for at in subject.learned]  # type: ignore[misc]
    assert words == ["red", "circle"]


def test_the_loss_on_unseen_draws_comes_down(engine: Engine, subject: Subject) -> None:
    config = replace(SHORT, steps=20, rate=0.1, batch=4)
    watched = Watched(engine.models.backbone, subject, config)
    found = invert(engine.models.backbone, subject, config, idle)
    assert found.warning is None
    assert watched._loss(found.embeddings) < watched.before


def test_the_models_stay_as_they_are(engine: Engine, subject: Subject) -> None:
    before = engine.models.backbone.embed(subject.tokens).clone()
    invert(engine.models.backbone, subject, SHORT, idle)
    assert torch.equal(before, engine.models.backbone.embed(subject.tokens))


def test_the_same_picture_and_text_give_the_same_embeddings(engine: Engine, subject: Subject) -> None:
    one, other = (invert(engine.models.backbone, subject, SHORT, idle).embeddings for _ in range(2))
    assert torch.equal(one, other)


def test_a_fit_that_denoises_worse_gives_the_start_back_and_says_so(engine: Engine, subject: Subject) -> None:
    watched = Watched(engine.models.backbone, subject, SHORT)
    found = watched.verdict(3 * watched.start, 4)
    assert found.warning == DIVERGED
    assert torch.equal(found.embeddings, engine.models.backbone.embed(subject.tokens))


def test_an_inversion_that_becomes_no_number_gives_the_start_back(engine: Engine, subject: Subject) -> None:
    found = invert(engine.models.backbone, subject, replace(SHORT, rate=float("inf"), steps=2), idle)
    assert found.warning == DIVERGED
    assert torch.isfinite(found.embeddings).all()


def test_steps_end_when_the_maps_stand_still(engine: Engine, subject: Subject) -> None:
    found = invert(engine.models.backbone, subject, replace(SHORT, steps=40, still=1.0), idle)
    assert found.steps == 4


def test_it_gives_way_before_every_step(engine: Engine, subject: Subject) -> None:
    calls: list[int] = []
    invert(engine.models.backbone, subject, SHORT, lambda: calls.append(1))
    assert len(calls) == SHORT.steps


def test_draws_one_by_one_give_the_slope_of_all_at_once(
    engine: Engine, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone, config = engine.models.backbone, replace(SHORT, batch=3, contrast=0.001)
    embeddings, found = backbone.embed(subject.tokens), []
    for most in (3, 2, 1):
        monkeypatch.setattr(type(backbone), "passes_at_once", most)
        drawn = list(draws(backbone, subject, config, 0))
        assert [len(each.noise) for each in drawn] == {3: [3], 2: [2, 1], 1: [1, 1, 1]}[most]
        found.append(slope(backbone, subject, embeddings, config, drawn))
    assert found[0].abs().max() > 0
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-3, atol=1e-5 * float(found[0].abs().max()))


def test_a_click_waits_for_one_draw_at_most(engine: Engine, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(engine.models.backbone), "passes_at_once", 1)
    calls: list[int] = []
    invert(engine.models.backbone, subject, SHORT, lambda: calls.append(1))
    assert len(calls) == SHORT.steps * SHORT.batch


def test_draws_spread_over_the_range_of_timesteps(engine: Engine, subject: Subject) -> None:
    config = InversionConfig(batch=4, timesteps=(100, 500))
    noisy, noise, timesteps = draw(engine.models.backbone, subject.latents, config, 3)
    assert [100 <= t < 200 for t in timesteps[:1]] == [True]
    assert [(int(t) - 100) // 100 for t in timesteps] == [0, 1, 2, 3]
    kept = float(engine.models.backbone.alphas[timesteps[2]])
    assert torch.allclose(noisy[2], kept**0.5 * subject.latents[0] + (1 - kept) ** 0.5 * noise[2], atol=1e-6)


def test_contrast_is_low_where_a_noun_is_like_its_modifier_and_unlike_other_nouns() -> None:
    together, apart = torch.eye(4)[[0, 0, 1, 1]], torch.eye(4)[[0, 1, 0, 1]]
    phrases = (((0,), (1,)), ((2,), (3,)))
    assert contrast(together, phrases, 0.3) < 0.1 < 0.6 < contrast(apart, phrases, 0.3)


def test_ddim_inversion_carries_the_predicted_picture_to_the_next_noise_level() -> None:
    clean, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    noisy = 0.9**0.5 * clean + 0.1**0.5 * noise
    assert torch.allclose(ahead(noisy, noise, 0.9, 0.3), 0.3**0.5 * clean + 0.7**0.5 * noise, atol=1e-5)


def test_a_trace_is_the_mean_of_its_steps(engine: Engine, subject: Subject) -> None:
    backbone = engine.models.backbone
    embeddings = backbone.embed(subject.tokens)
    noise, first = backbone.watch(subject.latents, 0, embeddings)
    middle = ahead(subject.latents, noise, float(backbone.alphas[0]), float(backbone.alphas[499]))
    second = backbone.watch(middle, 499, embeddings)[1]
    found = trace(backbone, subject.latents, embeddings, 2, idle)
    assert isinstance(found, Attention)
    assert torch.allclose(found.among, (first.among + second.among) / 2, atol=1e-6)
    assert torch.allclose(found.cross[0], (first.cross[0] + second.cross[0]) / 2, atol=1e-6)

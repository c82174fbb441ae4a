"""InvSeg's losses on two blocks that attend to themselves, and its inversion on the embedded backbone."""

from dataclasses import replace

import pytest
import torch

from model.config import EngineConfig, InversionConfig, overridden
from model.embedded import scenes
from model.engine import Engine
from model.grounding.features import classes_of
from model.methods.invseg import Views, apart, cluster, cluster_loss, entropy
from model.methods.segment_anyword.inversion import DIVERGED, Inverted
from model.methods.symmetric_kl import symmetric_kl
from model.types import Clause, Query

HALVES = torch.cat([torch.eye(2)[:, :1].repeat(1, 8), torch.eye(2)[:, 1:].repeat(1, 8)], 1)  # (2, 16): left, right


def blocks() -> torch.Tensor:
    """Distances of 16 cells of which 8 and 8 attend alike."""
    among = torch.kron(torch.eye(2), torch.full((8, 8), 0.12)) + 0.04 / 16
    distances = symmetric_kl(among / among.sum(1, keepdim=True))
    return distances / distances.max()


def chances(share: float) -> torch.Tensor:
    """Two classes' chances (2, 4, 4) that take their own half with a share and the other half with the rest."""
    return (HALVES * share + (1 - HALVES) * (1 - share)).reshape(2, 4, 4)


def test_classes_that_keep_to_their_block_lose_less() -> None:
    losses = [float(cluster_loss(chances(share), blocks(), InversionConfig())) for share in (0.55, 0.75, 0.95)]
    assert losses == sorted(losses, reverse=True)


def test_the_gradient_raises_a_class_in_its_own_block_and_lowers_it_in_the_other() -> None:
    maps = chances(0.7).requires_grad_()
    cluster_loss(maps, blocks(), InversionConfig()).backward()
    assert maps.grad is not None
    downhill = -maps.grad[0].flatten()
    assert downhill[:8].mean() > 0 > downhill[8:].mean()


def test_entropy_is_one_for_undecided_cells_and_falls_as_they_decide() -> None:
    assert float(entropy(chances(0.5))) == pytest.approx(1)
    assert float(entropy(chances(0.9))) < float(entropy(chances(0.7))) < 1


@pytest.fixture(scope="module")
def views(engine: Engine) -> Views:
    scene = scenes.draw(3_000_003, 128, most=2)
    (wording,) = engine.words(scene.image, Query((Clause("a red circle and a blue star"),)))
    sight, seen = engine.sight, engine.see(scene.image)
    start = engine.models.backbone.embed(wording.tokens)
    return Views(sight.latents(seen), sight.latents(seen, mirrored=True), classes_of(wording), start)


def short(**changes: object) -> EngineConfig:
    return overridden(EngineConfig(), {"inversion": {"objective": "clustering", "steps": 3, "rate": 0.05, **changes}})


def test_the_background_is_the_last_class(views: Views) -> None:
    assert [each.phrase.text for each in views.classes] == ["red circle", "blue star", "background"]


def clustered(engine: Engine, *pictures: Views, **changes: object) -> list[Inverted]:
    return cluster(engine.models.backbone, pictures, short(**changes), lambda: None)


def test_only_the_classes_rows_change(engine: Engine, views: Views) -> None:
    (found,) = clustered(engine, views)
    changed = (found.embeddings - views.start).abs().amax(1) > 0
    rows = {piece for each in views.classes for word in each.words for piece in word}
    assert set(torch.nonzero(changed).flatten().tolist()) == rows


def test_a_loss_that_is_no_number_gives_the_start_back_with_a_warning(engine: Engine, views: Views) -> None:
    (found,) = clustered(engine, views, rate=float("inf"))
    assert (found.warning, found.steps) == (DIVERGED, 0)
    assert torch.equal(found.embeddings, views.start)


def test_pictures_that_share_passes_are_fitted_as_if_alone(engine: Engine, views: Views) -> None:
    turned = replace(views, latents=views.mirrored, mirrored=views.latents)
    broken = replace(views, latents=torch.full_like(views.latents, torch.nan))
    first, nothing, second = clustered(engine, views, broken, turned)
    for found, alone in ((first, views), (second, turned)):
        (expected,) = clustered(engine, alone)
        assert (found.steps, found.warning) == (expected.steps, None)
        moved = (expected.embeddings - views.start).abs().max()
        assert (found.embeddings - expected.embeddings).abs().max() < 0.02 * moved
    assert (nothing.warning, nothing.steps) == (DIVERGED, 0)
    assert not torch.allclose(first.embeddings, second.embeddings, atol=1e-3)


def test_clicks_get_their_turn_before_each_pass_and_before_the_way_back(engine: Engine, views: Views) -> None:
    calls: list[int] = []
    cluster(engine.models.backbone, [views], short(steps=2), lambda: calls.append(1))
    assert len(calls) == 3 + 2


def test_distances_are_small_between_cells_that_attend_alike(engine: Engine, views: Views) -> None:
    (seen,) = engine.models.backbone.attend(views.latents, views.start[None])
    distances = apart(seen)
    assert distances.diagonal().max() < 0.01
    assert 0 < distances.mean() < distances.max() == pytest.approx(1)


def test_no_entropy_term_needs_no_second_view(engine: Engine, views: Views) -> None:
    blind = replace(views, mirrored=torch.full_like(views.mirrored, torch.nan))
    (found,) = clustered(engine, blind, entropy_weight=0.0)
    assert found.warning is None

"""InvSeg's losses on two blocks that attend to themselves, and its inversion on the embedded backbone."""

import pytest
import torch

from model.clustering import Views, apart, cluster, cluster_loss, entropy
from model.config import EngineConfig, InversionConfig, overridden
from model.divergence import symmetric_kl
from model.embedded import scenes
from model.engine import Engine
from model.sight import classes_of
from model.values import Clause, Query

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
def asked(engine: Engine) -> tuple[Views, torch.Tensor]:
    scene = scenes.draw(3_000_003, 128, most=2)
    (wording,) = engine.words(scene.image, Query((Clause("a red circle and a blue star"),)))
    sight, seen = engine.sight, engine.see(scene.image)
    views = Views(sight.latents(seen), sight.latents(seen, mirrored=True), classes_of(wording))
    return views, engine.models.backbone.embed(wording.tokens)


def short(**changes: object) -> EngineConfig:
    return overridden(EngineConfig(), {"inversion": {"objective": "clustering", "steps": 3, "rate": 0.05, **changes}})


def test_the_background_is_the_last_class(asked: tuple[Views, torch.Tensor]) -> None:
    assert [each.phrase.text for each in asked[0].classes] == ["red circle", "blue star", "background"]


def test_only_the_classes_rows_change(engine: Engine, asked: tuple[Views, torch.Tensor]) -> None:
    views, start = asked
    found = cluster(engine.models.backbone, views, start, short(), lambda: None).embeddings
    changed = (found - start).abs().amax(1) > 0
    rows = {piece for each in views.classes for word in each.words for piece in word}
    assert set(torch.nonzero(changed).flatten().tolist()) == rows


def test_a_loss_that_is_no_number_gives_the_start_back_with_a_warning(
    engine: Engine, asked: tuple[Views, torch.Tensor]
) -> None:
    views, start = asked
    found = cluster(engine.models.backbone, views, start, short(rate=float("inf")), lambda: None)
    assert found.warning is not None
    assert torch.equal(found.embeddings, start)


def test_distances_are_small_between_cells_that_attend_alike(engine: Engine, asked: tuple[Views, torch.Tensor]) -> None:
    distances = apart(engine.models.backbone.attend(asked[0].latents, asked[1]))
    assert distances.diagonal().max() < 0.01
    assert 0 < distances.mean() < distances.max() == pytest.approx(1)


def test_no_entropy_term_needs_no_second_view(engine: Engine, asked: tuple[Views, torch.Tensor]) -> None:
    views, start = asked
    blind = Views(views.latents, torch.full_like(views.mirrored, torch.nan), views.classes)
    found = cluster(engine.models.backbone, blind, start, short(entropy_weight=0.0), lambda: None)
    assert found.warning is None

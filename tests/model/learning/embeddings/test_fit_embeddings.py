"""A few steps of mask-supervised inversion on real, small models. Scenes are the first that fit."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.embedded import scenes
from model.engine import Engine
from model.learning.embeddings.attention_loss import AcceptedPicture, FitConfig, cells, level_loss
from model.learning.embeddings.fit_embeddings import Fitted, batches, fit
from model.learning.embeddings.nearest_words import nearest, resembling
from model.learning.overrides import taught_words, with_taught
from model.types import Clause, Lesson, Query

SHORT = FitConfig(steps=8, batch=1, denoising=0.0)


@pytest.fixture(scope="module")
def shown(engine: Engine) -> list[AcceptedPicture]:
    """Two pictures with a star beside something else."""
    drawn = (scenes.draw(seed, 128, most=3) for seed in itertools.count(3_300_000))
    found = (each for each in drawn if len(each.objects) > 1 and each.objects[0].kind.shape == "star")
    pictures = []
    for scene in itertools.islice(found, 2):
        stars = [thing.kind.shape == "star" for thing in scene.objects]
        masks = np.stack([thing.mask for thing in scene.objects])
        latents = engine.sight.latents(engine.see(scene.image))
        wanted, others = (np.asarray(masks[which].any(0)) for which in (stars, np.invert(stars)))
        pictures.append(AcceptedPicture(latents, wanted, others))
    return pictures


@pytest.fixture(scope="module")
def fitted(engine: Engine, shown: list[AcceptedPicture]) -> Fitted:
    return fit(engine.sight, Clause("glorp", True), shown, SHORT, lambda: None)


def inside(engine: Engine, shown: Sequence[AcceptedPicture], lesson: Lesson | None) -> float:
    """The share of a word's attention that lies in the masks."""
    image = np.zeros((8, 8, 3), np.uint8)
    (wording,) = engine.words(image, Query((Clause("glorp", True, lesson),)))
    backbone = engine.models.backbone
    embeddings = backbone.embed(wording.tokens, with_taught(backbone, wording.tokens, taught_words(wording)))
    shares = []
    for each in shown:
        maps = backbone.glance(each.latents, embeddings[None])[0][-1][list(wording.sought[0].noun)].sum(0)
        shares.append(float((maps * cells(each.wanted, len(maps), maps)).sum() / maps.sum()))
    return float(np.mean(shares))


def test_a_few_steps_move_a_words_attention_into_the_masks(
    engine: Engine, shown: list[AcceptedPicture], fitted: Fitted
) -> None:
    before, after = (inside(engine, shown, each) for each in (None, Lesson("fitted", embeddings=fitted.embeddings)))
    assert after > before + 0.2
    assert after > 0.5
    assert fitted.losses[-1] < 0.7 * fitted.losses[0]


def test_what_is_learned_are_rows_for_the_phrases_words(engine: Engine, fitted: Fitted) -> None:
    (wording,) = engine.words(np.zeros((8, 8, 3), np.uint8), Query((Clause("glorp", True),)))
    assert {word: rows.shape for word, rows in fitted.embeddings.items()} == {
        "glorp": (len(wording.sought[0].noun), engine.models.backbone.inputs(wording.tokens).shape[1])
    }
    assert fitted.embeddings["glorp"].dtype == np.float32
    assert 0 < fitted.presence < 1 / len(wording.sought[0].noun)


def test_the_same_question_has_the_same_answer_and_gives_way_between_steps(
    engine: Engine, shown: list[AcceptedPicture]
) -> None:
    calls: list[int] = []
    config = replace(SHORT, steps=3, denoising=0.005)
    one, other = (
        fit(engine.sight, Clause("big glorp", True), shown, config, lambda: calls.append(1)) for _ in range(2)
    )
    assert len(calls) > 6
    assert one.losses == other.losses
    assert one.embeddings.keys() == {"big", "glorp"}
    assert all(np.array_equal(rows, other.embeddings[word]) for word, rows in one.embeddings.items())


def test_a_fit_begins_at_the_phrase_itself_where_no_known_word_is_nearer(
    engine: Engine, shown: list[AcceptedPicture]
) -> None:
    backbone = engine.models.backbone
    (wording,) = engine.words(np.zeros((8, 8, 3), np.uint8), Query((Clause("star", True),)))
    own = backbone.inputs(wording.tokens)
    assert torch.equal(resembling(engine.sight, wording, own, shown, lambda: None), own)


@pytest.mark.parametrize("rate", [10_000.0, float("inf")])
def test_a_fit_that_ends_worse_than_it_began_is_thrown_away(
    engine: Engine, shown: list[AcceptedPicture], rate: float
) -> None:
    wild = fit(engine.sight, Clause("star", True), shown, replace(SHORT, steps=2, rate=rate), lambda: None)
    assert wild.embeddings == {}
    assert wild.presence == engine.config.selection.presence


def test_stars_resemble_the_known_word_for_them(engine: Engine, shown: list[AcceptedPicture]) -> None:
    assert nearest(engine.sight, shown, lambda: None)[0] in ("star", "stars")


def test_every_picture_comes_once_before_any_comes_again(shown: list[AcceptedPicture]) -> None:
    five = [replace(shown[0]) for _ in range(5)]
    seen = [five.index(each) for batch in itertools.islice(batches(five, 2), 5) for each in batch]
    assert sorted(seen[:5]) == sorted(seen[5:]) == [0, 1, 2, 3, 4]


def test_attention_on_other_objects_costs_more_than_on_nothing() -> None:
    wanted, others = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    wanted[0], others[3] = True, True
    picture = AcceptedPicture(torch.zeros(1), wanted, others)
    losses = []
    for row in (0, 1, 3):
        level = torch.full((1, 4, 4), 0.01)
        level[0, row] = 0.9
        losses.append(float(level_loss(level, [(0,)], picture, FitConfig())))
    assert losses == sorted(losses)
    absent = AcceptedPicture(torch.zeros(1), np.zeros((4, 4), bool), others)
    silent, loud = (float(level_loss(torch.full((1, 4, 4), at), [(0,)], absent, FitConfig())) for at in (0.01, 0.5))
    assert silent < 0.1 * loud


def test_cells_hold_the_share_that_a_mask_covers() -> None:
    mask = np.zeros((8, 6), bool)
    mask[:2, :3] = True
    assert cells(mask, 2, torch.zeros(1)).tolist() == [[0.5, 0.0], [0.0, 0.0]]

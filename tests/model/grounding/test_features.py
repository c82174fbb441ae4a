"""What is computed once: maps, inversions and latents by picture, text and configuration."""

import numpy as np
import pytest
import torch

from model.config import overridden
from model.embedded import scenes
from model.engine import Engine
from model.grounding.canvas import to_canvas
from model.grounding.features import TextQuestion, classes_of
from model.grounding.localize import locate
from model.grounding.stretch import stretched
from model.masks.instances import propose
from model.runtime.image_key import image_key
from model.text.token_spans import pieces_of
from model.types import Clause, Image, MaskPrompt, Query


@pytest.fixture(scope="module")
def image() -> Image:
    return scenes.draw(3_000_020, 128).image


def under(engine: Engine, **inversion: object) -> Engine:
    return Engine(engine.models, overridden(engine.config, {"inversion": {"steps": 2, "batch": 2, **inversion}}))


def test_the_same_question_is_looked_at_once(engine: Engine, image: Image) -> None:
    seen = engine.see(image)
    (wording,) = engine.words(image, Query((Clause("a red circle"),)))
    assert engine.attend(seen, wording) is engine.attend(seen, wording)


def test_a_picture_is_kept_in_half_precision(engine: Engine, image: Image) -> None:
    whole, kept = engine.models.segmenter.embed(image), engine.see(image).embedding
    assert kept.features.dtype is torch.float16
    assert (kept.size, kept.input_size) == (whole.size, whole.input_size)
    prompt = MaskPrompt(np.array([[60.0, 60.0]], np.float32), np.ones(1, np.int64))
    masks = []
    for embedding in (whole, kept):
        (found,) = engine.models.segmenter.decode(embedding, [prompt])
        masks.append(engine.models.segmenter.enlarge(embedding, torch.from_numpy(found.low_res_masks)))
    assert (masks[0] != masks[1]).sum() <= 0.01 * masks[0].sum()


def test_models_see_a_dark_picture_stretched_and_its_key_and_pixels_stay(engine: Engine, image: Image) -> None:
    dark, proposer = image // 10, engine.models.proposer
    seen, bright = engine.see(dark), stretched(dark)
    assert not np.array_equal(bright, dark)
    assert np.array_equal(seen.image, dark)
    assert seen.key == image_key(dark)
    assert torch.equal(seen.embedding.features, engine.models.segmenter.embed(bright).features.half())
    canvas = to_canvas(bright, engine.models.backbone.canvas_size)
    assert torch.allclose(engine.sight.latents(seen), engine.models.backbone.encode(canvas), atol=1e-5)
    joined = Engine(engine.models, overridden(engine.config, {"proposals": {"join": True}})).sight
    (located,) = locate(
        joined, [TextQuestion(seen, *engine.words(dark, Query((Clause("a red circle"),))))], lambda: None
    )
    offered = propose(joined, seen, located)
    assert proposer is not None
    assert offered is not None
    assert np.allclose(offered.masks, proposer.propose(bright, ["red circle"]).masks, atol=1e-4)


def test_the_stretch_is_kept_with_the_picture(engine: Engine, image: Image) -> None:
    dark = image // 10
    stretch = engine.see(dark).stretch
    assert stretch is not None
    assert engine.see(dark.copy()).stretch is stretch
    assert engine.see(image).stretch is None


def test_attention_is_the_mean_of_passes_with_different_noise(engine: Engine, image: Image) -> None:
    seen = engine.see(image)
    (wording,) = engine.words(image, Query((Clause("a red circle"),)))
    backbone, latents = engine.models.backbone, engine.sight.latents(seen)
    text = backbone.embed(wording.tokens)[None]
    passes = [look.among for draw in range(3) for look in backbone.attend(latents, text, draw)]
    drawn = Engine(engine.models, overridden(engine.config, {"attention": {"enhancement": 1.0, "draws": 3}}))
    assert not np.allclose(passes[0], passes[1], atol=1e-4)
    assert np.allclose(drawn.attend(seen, wording).among, sum(passes) / 3, atol=1e-6)


@pytest.mark.parametrize("draws", [1, 2])
def test_glances_read_the_cross_attention_of_each_text_and_are_kept(engine: Engine, image: Image, draws: int) -> None:
    asked = Query(tuple(Clause(f"a {colour} circle") for colour in ("red", "green", "blue", "black", "white")))
    drawn = Engine(engine.models, overridden(engine.config, {"attention": {"draws": draws}}))
    seen = drawn.see(image)
    questions = [TextQuestion(seen, wording) for wording in drawn.words(image, asked)]
    given: list[int] = []
    glances = drawn.sight.glances(questions, lambda: given.append(1))
    for question, levels in zip(questions, glances, strict=True):
        for level, expected in zip(levels, drawn.attend(*question).cross, strict=True):
            assert torch.allclose(level, expected, atol=1e-5)
    assert len(given) == 1  # one pass of all
    again = drawn.sight.glances(questions[1:3], lambda: given.append(1))
    assert [levels is glances[at] for at, levels in enumerate(again, start=1)] == [True, True]
    assert len(given) == 1


def test_an_inversion_is_made_once_and_counts_its_steps(engine: Engine, image: Image) -> None:
    inverting, calls = under(engine, objective="denoising", still=0.0), []
    (wording,) = engine.words(image, Query((Clause("a red circle"),)))
    seen = inverting.see(image)
    for _ in range(2):
        ((_, inverted),) = inverting.sight.attend([TextQuestion(seen, wording)], lambda: calls.append(1))
    assert (inverted.steps, len(calls)) == (2, 2 + 1)  # the pass that is read, too


@pytest.mark.parametrize("objective", ["denoising", "clustering"])
def test_an_inverted_text_looks_elsewhere_than_the_plain_one(engine: Engine, image: Image, objective: str) -> None:
    inverting = under(engine, objective=objective, rate=0.3)
    (wording,) = engine.words(image, Query((Clause("a red circle"),)))
    plain, fitted = (each.attend(each.see(image), wording).cross[-1] for each in (engine, inverting))
    assert not np.allclose(plain.numpy(), fitted.numpy(), atol=1e-4)


def test_the_mirror_image_has_latents_of_its_own(engine: Engine, image: Image) -> None:
    seen, turned = engine.see(image), engine.see(np.ascontiguousarray(image[:, ::-1]))
    assert np.allclose(engine.sight.latents(seen, mirrored=True), engine.sight.latents(turned), atol=1e-5)


def test_pieces_are_those_of_nouns_and_modifiers(engine: Engine, image: Image) -> None:
    (wording,) = engine.words(image, Query((Clause("a red circle on the grass"),)))
    spans = [wording.tokens.spans[piece] for piece in pieces_of(each.words for each in wording.sought)]
    assert [wording.tokens.text[slice(*span)] for span in spans if span] == ["red", "circle"]


def test_the_templates_background_is_the_last_class(engine: Engine, image: Image) -> None:
    (wording,) = engine.words(image, Query((Clause("a circle"),)))
    circle, background = classes_of(wording)
    assert circle.phrase.text == "circle"
    assert background.phrase.text == "background"
    assert set(background.noun).isdisjoint(circle.noun)

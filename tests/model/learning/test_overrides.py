"""What a lesson changes, and that nothing else changes. Scenes are the first that fit, not chosen by result."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.config import EngineConfig, overridden
from model.embedded import scenes
from model.embedded.scenes import Scene
from model.engine import Engine
from model.errors import Misconfigured
from model.grounding.features import TextQuestion
from model.learning import overrides
from model.learning.overrides import taught_words, with_taught
from model.text.prompt_text import Wording
from model.types import Answer, Clause, Lesson, Query


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The first scene with one big ring on its own."""
    drawn = (scenes.draw(seed, 256, most=1) for seed in range(3_200_000, 3_200_500))
    return next(each for each in drawn if (each.objects[0].kind.shape, each.objects[0].kind.size) == ("ring", "big"))


def word_of(engine: Engine, text: str, lesson: Lesson | None = None, preset: str = "fast") -> Wording:
    clause = Clause(text, True, lesson)
    return engine.under(preset).words(np.zeros((8, 8, 3), np.uint8), Query((clause,)))[0]


def renamed(engine: Engine, word: str, meaning: str, key: str = "renamed") -> Lesson:
    """A lesson under which each token of a word is read as the (only) token of another word."""
    backbone = engine.models.backbone
    (piece,) = word_of(engine, meaning).sought[0].noun
    row = backbone.inputs(word_of(engine, meaning).tokens)[piece].float().numpy()
    count = len(word_of(engine, word).sought[0].noun)
    return Lesson(key, embeddings={word: np.repeat(row[None], count, axis=0)})


def asked(engine: Engine, scene: Scene, *clauses: Clause, preset: str = "fast", separate: bool = True) -> Answer:
    return engine.segment(scene.image, Query(clauses, preset=preset, separate=separate))


def digest(answer: Answer) -> list[object]:
    masks = [(each.mask.tobytes(), each.score, each.presence, each.clause) for each in answer.segments]
    return [*masks, *((each.scores.tobytes(), each.presence, each.present) for each in answer.findings)]


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_an_empty_lesson_changes_no_bit(engine: Engine, scene: Scene, preset: str) -> None:
    plain = asked(engine, scene, Clause("Ring", True), Clause("Star", True), preset=preset)
    fresh = Engine(engine.models, engine.config)
    taught = asked(fresh, scene, Clause("Ring", True, Lesson("a")), Clause("Star", True, Lesson("b")), preset=preset)
    assert digest(plain) == digest(taught)


def test_another_labels_lesson_changes_no_bit_of_a_text_of_its_own(engine: Engine, scene: Scene) -> None:
    plain = asked(engine, scene, Clause("Ring", True))
    beside = asked(engine, scene, Clause("Ring", True), Clause("glorp", True, renamed(engine, "glorp", "star")))
    assert plain.segments[0].mask.tobytes() == beside.segments[0].mask.tobytes()


def test_a_taught_word_is_written_in_any_case_and_others_stay(engine: Engine) -> None:
    lesson = renamed(engine, "glorp", "ring")
    wording = word_of(engine, "Big GLORP", lesson)
    (taught,) = taught_words(wording)
    assert taught.pieces == wording.sought[0].noun
    inputs, plain = with_taught(engine.models.backbone, wording.tokens, (taught,)), word_of(engine, "Big GLORP")
    assert inputs is not None
    changed = (inputs != engine.models.backbone.inputs(plain.tokens)).any(1)
    assert tuple(torch.nonzero(changed)[:, 0].tolist()) == taught.pieces


def test_embeddings_of_another_number_of_tokens_are_left_out(engine: Engine) -> None:
    lesson = Lesson("short", embeddings={"glorp": np.zeros((1, 128), np.float32)})
    assert taught_words(word_of(engine, "glorp", lesson)) == ()


def test_embeddings_of_another_text_encoder_are_refused(engine: Engine, scene: Scene) -> None:
    count = len(word_of(engine, "glorp").sought[0].noun)
    lesson = Lesson("wide", embeddings={"glorp": np.zeros((count, 7), np.float32)})
    with pytest.raises(Misconfigured, match="have 7 numbers for each token, the text encoder reads 128"):
        asked(engine, scene, Clause("glorp", True, lesson))


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_a_word_is_found_by_what_it_was_taught(engine: Engine, scene: Scene, preset: str) -> None:
    lesson = replace(renamed(engine, "glorp", "ring"), changes={"selection": {"presence": 0.02}})
    before, during, after = (
        asked(engine, scene, Clause("glorp", True, each), preset=preset) for each in (None, lesson, None)
    )
    assert during.findings[0].presence > 10 * before.findings[0].presence
    assert [each.clause for each in during.segments] == [0]
    assert digest(before) == digest(after)


def test_a_rollback_serves_no_stale_maps(engine: Engine, scene: Scene) -> None:
    ring, star = (renamed(engine, "glorp", meaning, meaning) for meaning in ("ring", "star"))
    found = [digest(asked(engine, scene, Clause("glorp", True, each))) for each in (ring, star, ring)]
    fresh = asked(Engine(engine.models, engine.config), scene, Clause("glorp", True, ring))
    assert found[0] == found[2] == digest(fresh)
    assert found[0] != found[1]


def test_segment_anywords_inversion_starts_at_what_was_taught(engine: Engine, scene: Scene) -> None:
    lesson = renamed(engine, "glorp", "ring")
    still = Engine(engine.models, overridden(engine.config, {"inversion": {"objective": "denoising", "steps": 0}}))
    wording = word_of(engine, "glorp", lesson)
    (inverted,) = still.sight.invert([TextQuestion(still.see(scene.image), wording)], lambda: None)
    inputs = with_taught(engine.models.backbone, wording.tokens, taught_words(wording))
    assert torch.equal(inverted.embeddings, engine.models.backbone.embed(wording.tokens, inputs))


def test_factors_hold_for_their_own_phrase_in_a_joint_text(engine: Engine) -> None:
    louder = Lesson("louder", changes={"attention": {"enhancement": 2.0}})
    query = Query((Clause("ring", True), Clause("star", True, louder)), preset="balanced")
    (wording,) = engine.under("balanced").words(np.zeros((8, 8, 3), np.uint8), query)
    assert [each.lesson for each in wording.sought] == [None, louder]
    sight = replace(engine.sight, config=overridden(engine.config, {"attention": {"enhancement": 1.0}}))
    seen = sight.see(np.zeros((64, 64, 3), np.uint8))
    (inverted,) = sight.invert([TextQuestion(seen, wording)], lambda: None)
    ratio = inverted.embeddings / engine.models.backbone.embed(wording.tokens)
    expected = torch.ones(len(ratio))
    expected[list(wording.sought[1].noun)] = 2.0
    assert torch.allclose(ratio.nanmean(1), expected, atol=1e-4)


def test_thresholds_hold_for_their_own_clause(engine: Engine, scene: Scene) -> None:
    strict = Lesson("strict", changes={"selection": {"presence": 1.0}})
    answer = asked(engine, scene, Clause("ring", True), Clause("Ring", True, strict))
    assert {each.clause for each in answer.segments} == {0}
    assert answer.findings[1].present is False


def test_refinement_holds_for_its_own_phrase(engine: Engine, scene: Scene) -> None:
    often = Lesson("often", changes={"refine": {"max_iterations": 8, "tolerance": 0.0}})
    plain = asked(engine, scene, Clause("ring", True), Clause("star", True), preset="balanced")
    taught = asked(engine, scene, Clause("ring", True), Clause("star", True, often), preset="balanced")
    assert np.allclose(plain.findings[0].scores, taught.findings[0].scores, atol=1e-6)
    assert not np.allclose(plain.findings[1].scores, taught.findings[1].scores, atol=1e-3)


def test_a_lesson_finishes_masks(engine: Engine, scene: Scene) -> None:
    filled = Lesson("filled", changes={"finish": {"fill_holes": True}})
    (plain,), (taught,) = (asked(engine, scene, Clause("ring", True, each)).segments for each in (None, filled))
    assert np.count_nonzero(taught.mask) > 1.1 * np.count_nonzero(plain.mask)
    assert taught.mask[plain.mask].all()
    assert taught.low_res_mask is not None
    assert plain.low_res_mask is not None
    assert np.array_equal(taught.low_res_mask, plain.low_res_mask)


def test_granularity_takes_one_of_sams_masks_by_area(engine: Engine, scene: Scene) -> None:
    areas = []
    for granularity in range(3):
        lesson = Lesson(f"grain {granularity}", changes={"selection": {"granularity": granularity, "presence": 0.0}})
        answer = asked(engine, scene, Clause("ring", True, lesson))
        areas.append(max(np.count_nonzero(each.mask) for each in answer.segments))
    assert areas == sorted(areas)
    assert areas[0] < areas[2]


def test_a_label_decides_whether_its_objects_are_apart(engine: Engine) -> None:
    drawn = (scenes.draw(seed, 256) for seed in range(3_210_000, 3_210_500))
    twins = next(s for s in drawn if sum(t.kind.shape == "circle" and t.kind.size != "small" for t in s.objects) > 1)
    together = Lesson("together", separate=False)
    apart = asked(engine, twins, Clause("circle", True))
    assert len(apart.segments) > 1
    assert len(asked(engine, twins, Clause("circle", True, together)).segments) == 1
    undone = asked(engine, twins, Clause("circle", True, Lesson("apart", separate=True)), separate=False)
    assert len(undone.segments) == len(apart.segments)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"refine": {"warp": 1}}, "no constants refine: warp"),
        ({"inversion": {"steps": 2}}, "a lesson cannot change inversion"),
        ({"attention": {"draws": 2}}, "a lesson cannot change attention.draws"),
        ({"nothing": {}}, "a lesson cannot change nothing"),
    ],
)
def test_constants_that_a_lesson_cannot_change_are_refused(changes: dict[str, dict[str, int]], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        overrides.under(EngineConfig(), Lesson("wrong", changes=changes))


def test_other_constants_cost_no_new_look(engine: Engine, scene: Scene) -> None:
    sight, seen = engine.sight, engine.see(scene.image)
    lenient = Lesson("lenient", changes={"refine": {"tolerance": 0.5}, "prompting": {"threshold": 0.4}})
    questions = [TextQuestion(seen, word_of(engine, "ring", each)) for each in (None, lenient)]
    looks = [attention for each in questions for attention, _ in sight.attend([each], lambda: None)]
    assert looks[0] is looks[1]

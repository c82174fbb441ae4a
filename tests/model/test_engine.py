"""The whole method on the embedded models. Scenes are the first that fit, not chosen by result."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.embedded import scenes
from model.embedded.scenes import Scene
from model.engine import Engine
from model.errors import BadImage, BadQuery
from model.evaluation.scenarios.questions import around, click
from model.evaluation.tables.quality_figures import union
from model.geometry import iou
from model.grounding.stretch import STRETCHED
from model.runtime.image_key import freeze
from model.types import Clause, Hint, Point, Query
from tests.benchmarks.brightness import Way, dimmed, flat, foggy, twelve_bits


def lone(shape: str, seeds: range = range(1_000_000, 1_002_000)) -> Scene:
    """The first scene with one big or middling object, of this shape, on its own."""
    drawn = (scenes.draw(seed, 256, most=1) for seed in seeds)
    return next(each for each in drawn if each.objects[0].kind.shape == shape and each.objects[0].kind.size != "small")


def two_circles() -> NDArray[np.uint8]:
    """Two scenes with a circle each, side by side above plain ground, so that neither circle is squashed."""
    scenes_apart = lone("circle", range(1_000_000, 1_002_000)), lone("circle", range(1_001_000, 1_002_000))
    above = np.concatenate([scene.image for scene in scenes_apart], axis=1)
    return np.concatenate([above, np.full_like(above, above.mean((0, 1)).astype(np.uint8))])


@pytest.mark.parametrize("shape", ["circle", "square", "heart"])
def test_a_word_finds_its_object(engine: Engine, shape: str) -> None:
    scene = lone(shape)
    answer = engine.segment(scene.image, Query((Clause(f"a {shape}"),)))
    assert answer.findings[0].present
    attended = answer.findings[0].attended
    assert attended is not None
    assert attended.shape == answer.findings[0].scores.shape
    assert attended.max() == 1
    assert iou(union(answer, scene.image.shape[:2]), scene.objects[0].mask) > 0.75


def test_what_is_not_there_is_not_found(engine: Engine) -> None:
    scene = lone("circle")
    answer = engine.segment(scene.image, Query((Clause("a zebra"),)))
    assert answer.segments == ()
    assert [finding.present for finding in answer.findings] == [False]


def test_each_segment_says_which_clause_it_answers(engine: Engine) -> None:
    scene = lone("heart")
    answer = engine.segment(scene.image, Query((Clause("Zebra", name=True), Clause("Heart", name=True))))
    assert {segment.clause for segment in answer.segments} == {1}
    assert [finding.clause for finding in answer.findings] == [0, 1]


def test_several_matches_are_several_segments_or_one(engine: Engine) -> None:
    image = two_circles()
    each = engine.segment(image, Query((Clause("circles"),)))
    together = engine.segment(image, Query((Clause("circles"),), separate=False))
    assert len(each.segments) == 2
    assert len(together.segments) == 1
    assert np.array_equal(union(each, image.shape[:2]), together.segments[0].mask)


def test_a_place_chooses_one_of_several(engine: Engine) -> None:
    image = two_circles()
    answer = engine.segment(image, Query((Clause("the circle on the right"),)))
    assert len(answer.segments) == 1
    assert np.flatnonzero(answer.segments[0].mask.any(0)).min() > 200


def test_a_click_answers_the_object_under_it(engine: Engine) -> None:
    scene = lone("square")
    thing = scene.objects[0]
    answer = engine.segment(scene.image, Query(hints=(Hint((click(thing.mask),)),)))
    assert len(answer.segments) == 1
    assert answer.segments[0].hint == 0
    assert iou(answer.segments[0].mask, thing.mask) > 0.75


@pytest.mark.parametrize("way", [dimmed(10), flat, foggy, twelve_bits])
def test_a_dark_or_flat_picture_is_answered_as_a_bright_one_and_says_so(engine: Engine, way: Way) -> None:
    scene = lone("circle")
    image, truth = way(scene.image.astype(np.float32), np.random.default_rng(0)), scene.objects[0].mask
    named = engine.segment(image, Query((Clause("a circle"),)))
    pointed = engine.segment(image, Query(hints=(Hint((click(truth),)),)))
    for answer in (named, pointed):
        assert iou(union(answer, truth.shape), truth) > 0.75
        assert answer.warnings == (STRETCHED,)
    assert engine.segment(scene.image, Query((Clause("a circle"),))).warnings == ()


def test_a_box_answers_the_object_inside_it(engine: Engine) -> None:
    scene = lone("star")
    thing = scene.objects[0]
    answer = engine.segment(scene.image, Query(hints=(Hint(box=around(thing.mask)),)))
    assert iou(answer.segments[0].mask, thing.mask) > 0.75


def test_text_and_a_click_together_carry_the_phrase(engine: Engine) -> None:
    scene = lone("circle")
    hint = Hint((click(scene.objects[0].mask),))
    answer = engine.segment(scene.image, Query((Clause("circle"),), (hint,)))
    assert answer.segments[0].phrase is not None
    assert answer.segments[0].phrase.noun.lemma == "circle"
    assert iou(answer.segments[0].mask, scene.objects[0].mask) > 0.75


@pytest.mark.parametrize("size", [(33, 47), (90, 400), (500, 120), (1, 1)])
def test_any_size_is_answered_at_that_size(engine: Engine, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 127, np.uint8)
    answer = engine.segment(image, Query((Clause("circle"),), (Hint((Point(0.5, 0.5),)),)))
    assert all(segment.mask.shape == size for segment in answer.segments)


def test_the_same_question_gets_the_same_answer_whatever_was_asked_before(engine: Engine) -> None:
    scene, other = lone("heart"), lone("ring")
    query = Query((Clause("a heart"),))
    first = engine.segment(scene.image, query)
    engine.segment(other.image, Query((Clause("a ring"),)))
    engine.segment(scene.image, Query((Clause("a cross"),)))
    second = engine.segment(scene.image, query)
    assert [segment.score for segment in first.segments] == [segment.score for segment in second.segments]
    assert np.array_equal(union(first, (256, 256)), union(second, (256, 256)))


def test_a_label_is_found_however_many_others_are_asked_for(engine: Engine) -> None:
    scene = lone("heart")
    names = [f"thing{number}" for number in range(40)]
    answer = engine.segment(scene.image, Query(tuple(Clause(name, name=True) for name in [*names, "heart"])))
    assert len(answer.findings) == 41
    assert answer.findings[40].present


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        ("   ", "the text is empty"),
        ("very quickly", "no thing to look for"),
        ("a circle " * 1000, "too long"),
    ],
)
def test_texts_that_cannot_be_answered_are_refused_with_advice(engine: Engine, text: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        engine.segment(np.zeros((64, 64, 3), np.uint8), Query((Clause(text),)))


def test_a_picture_without_colours_is_refused(engine: Engine) -> None:
    with pytest.raises(BadImage, match="shape"):
        engine.segment(np.zeros((64, 64), np.uint8), Query((Clause("a circle"),)))


def test_a_query_that_asks_for_nothing_finds_nothing(engine: Engine) -> None:
    assert engine.segment(np.zeros((64, 64, 3), np.uint8), Query()).segments == ()


def test_text_in_another_script_is_answered(engine: Engine) -> None:
    answer = engine.segment(lone("circle").image, Query((Clause("斑马", name=True),)))
    assert answer.segments == ()


def test_a_query_that_asks_for_nothing_has_the_picture_encoded_for_the_next_one(engine: Engine) -> None:
    fresh = Engine(engine.models, engine.config)
    assert fresh.segment(lone("square").image, Query()).segments == ()
    assert sorted(str(key[0]) for key in fresh._cache._pictures) == ["embedding", "latents"]


def test_work_on_several_phrases_gives_way_before_each_pass(engine: Engine) -> None:
    events, backbone = list[str](), engine.models.backbone
    hook = backbone.unet.register_forward_pre_hook(lambda *_: events.append("pass"))  # type: ignore[attr-defined]
    clauses = tuple(Clause(f"heart {number}", name=True) for number in range(backbone.passes_at_once + 1))
    Engine(engine.models, engine.config).segment(lone("heart").image, Query(clauses), lambda: events.append("way"))
    hook.remove()
    passes = [number for number, event in enumerate(events) if event == "pass"]
    assert len(passes) == 2
    assert all(events[number - 1] == "way" for number in passes)


def test_a_picture_that_nobody_may_change_is_good_enough_for_every_model(engine: Engine) -> None:
    image = freeze(lone("square").image.copy())
    seen = engine.see(image)
    engine.sight.latents(seen)
    assert engine.models.proposer is not None
    engine.models.proposer.propose(image, ("a square",))
    assert engine.see(image.copy()).embedding is seen.embedding


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_pictures_that_share_passes_get_the_answers_they_get_alone(engine: Engine, preset: str) -> None:
    images = [lone(shape).image for shape in ("circle", "heart", "square")]
    query = Query((Clause("Heart", name=True), Clause("Circle", name=True)), preset=preset)
    together = engine_without_memory(engine).segment_each(images, query)
    for image, answer in zip(images, together, strict=True):
        alone = engine_without_memory(engine).segment(image, query)
        assert [finding.present for finding in answer.findings] == [finding.present for finding in alone.findings]
        assert [each.clause for each in answer.segments] == [each.clause for each in alone.segments]
        for ours, expected in zip(answer.segments, alone.segments, strict=True):
            assert iou(ours.mask, expected.mask) > 0.99
    assert [[each.clause for each in answer.segments] for answer in together] == [[1], [0], []]


def test_texts_about_several_pictures_share_passes(engine: Engine) -> None:
    images, sizes = [lone(shape).image for shape in ("circle", "heart")], list[int]()
    unet = engine.models.backbone.unet  # type: ignore[attr-defined]
    hook = unet.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    query = Query((Clause("Heart", name=True), Clause("Circle", name=True)))
    engine_without_memory(engine).segment_each(images, query)
    hook.remove()
    assert sizes == [4]


def test_one_picture_without_pixels_fails_its_company_before_anything_is_computed(engine: Engine) -> None:
    images = [lone("circle").image, np.zeros((0, 4, 3), np.uint8)]
    with pytest.raises(BadImage):
        engine.segment_each(images, Query((Clause("a circle"),)))


def engine_without_memory(engine: Engine) -> Engine:
    return Engine(engine.models, engine.config)

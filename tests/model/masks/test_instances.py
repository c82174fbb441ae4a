"""From phrases to objects: presets, evidence, kinds of prompts."""

from itertools import chain

import numpy as np
import pytest

from model.adapters.sam.segmenter import SamSegmenter
from model.config import overridden
from model.embedded import scenes
from model.embedded.scenes import Scene
from model.engine import Engine
from model.errors import BadQuery
from model.evaluation.tables.quality_figures import union
from model.geometry import iou
from model.grounding.features import Seen, TextQuestion
from model.grounding.localize import Located, locate
from model.masks.instances import objects, prompts_for
from model.masks.mask_prompts import blobs
from model.methods.segment_anyword.syntax_points import plain_mask
from model.types import Clause, Proposals, Query


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The first scene with one big shape on its own."""
    drawn = (scenes.draw(seed, 256, most=1) for seed in range(3_100_000, 3_100_100))
    return next(each for each in drawn if each.objects[0].kind.size == "big")


def asked(engine: Engine, scene: Scene, text: str) -> Located:
    (wording,) = engine.words(scene.image, Query((Clause(text),)))
    ((located, *_),) = locate(engine.sight, [TextQuestion(engine.see(scene.image), wording)], lambda: None)
    return located


def named(scene: Scene) -> str:
    kind = scene.objects[0].kind
    return f"{kind.colour} {kind.shape}"


@pytest.mark.parametrize("preset", ["fast", "balanced", "accurate"])
def test_every_preset_finds_the_object(engine: Engine, scene: Scene, preset: str) -> None:
    answer = engine.segment(scene.image, Query((Clause(f"the {named(scene)}"),), preset=preset))
    assert iou(union(answer, scene.image.shape[:2]), scene.objects[0].mask) > 0.7
    assert answer.warnings == ()


def test_an_unknown_preset_is_refused_with_the_choices(engine: Engine, scene: Scene) -> None:
    with pytest.raises(BadQuery, match="no preset 'best': use one of fast, balanced, accurate"):
        engine.segment(scene.image, Query((Clause("a circle"),), preset="best"))


def test_a_text_without_a_noun_is_refused_by_the_accurate_preset_too(engine: Engine, scene: Scene) -> None:
    with pytest.raises(BadQuery, match="no thing to look for"):
        engine.segment(scene.image, Query((Clause("very quickly"),), preset="accurate"))


def test_how_surely_a_phrase_is_there_does_not_depend_on_its_neighbours(engine: Engine, scene: Scene) -> None:
    alone = asked(engine, scene, f"the {named(scene)}")
    among = asked(engine, scene, f"the {named(scene)}, a zebra, a house and a car")
    assert np.allclose(alone.evidence, among.evidence, atol=0.05)


def test_words_give_points_and_peaks_give_a_box_too(engine: Engine, scene: Scene) -> None:
    found = {}
    for kind in ("peak", "words", "both"):
        config = overridden(engine.config, {"syntax": {"prompts": kind}})
        located = asked(Engine(engine.models, config), scene, f"the {named(scene)}")
        found[kind] = prompts_for(located, blobs(located.scores, config.prompting)[0], (256, 256), config)
    assert [len(prompts) for prompts in found.values()] == [2, 1, 3]
    assert [prompt.box is None for prompt in found["both"]] == [True, False, True]
    inside = scene.objects[0].mask
    coords, labels = found["words"][0].point_coords, found["words"][0].point_labels
    assert [bool(inside[int(y), int(x)]) for x, y in coords] == [label == 1 for label in labels]


def test_without_a_decoder_the_map_itself_is_the_mask(engine: Engine, scene: Scene) -> None:
    plain = Engine(engine.models, overridden(engine.config, {"syntax": {"decode": False}}))
    (segment,) = plain.segment(scene.image, Query((Clause(f"the {named(scene)}"),))).segments
    located = asked(engine, scene, f"the {named(scene)}")
    assert np.array_equal(segment.mask, plain_mask(located.scores, (256, 256)))


def shapes(engine: Engine, drawn: Scene) -> tuple[Seen, list[Located]]:
    """A picture and where each of five labels is on it."""
    clauses = tuple(Clause(name, name=True) for name in ("circle", "square", "star", "heart", "triangle"))
    seen = engine.see(drawn.image)
    questions = [TextQuestion(seen, wording) for wording in engine.words(drawn.image, Query(clauses))]
    return seen, [each for found in locate(engine.sight, questions, lambda: None) for each in found]


def test_all_phrases_share_decoder_calls_and_clicks_wait_for_one_at_most(engine: Engine) -> None:
    seen, located = shapes(engine, scenes.draw(3_100_001, 256))
    events, segmenter = list[int | str](), engine.models.segmenter
    assert isinstance(segmenter, SamSegmenter)
    handle = segmenter.model.mask_decoder.register_forward_pre_hook(
        lambda _, __, named: events.append(len(named["image_embeddings"])), with_kwargs=True
    )
    objects(engine.sight, seen, located, None, lambda: events.append("give way"))
    handle.remove()
    asked = sum(len(blobs(each.scores, engine.config.prompting)) for each in located)
    assert len(located) == 5
    assert events == ["give way", asked, "give way", asked]  # points, then points with boxes
    assert 5 <= asked <= 8


def test_phrases_together_find_what_each_finds_alone(engine: Engine) -> None:
    seen, located = shapes(engine, scenes.draw(3_100_001, 256))
    together = objects(engine.sight, seen, located, None, lambda: None)
    alone = [objects(engine.sight, seen, [each], None, lambda: None)[0] for each in located]
    assert [len(each) for each in together] == [len(each) for each in alone]
    assert sum(map(len, together)) >= 2
    for choice, single in zip(chain(*together), chain(*alone), strict=True):
        assert np.allclose(choice.low_res_mask, single.low_res_mask, atol=1e-3)
        assert choice.score == pytest.approx(single.score, abs=1e-4)
        assert choice.evidence == pytest.approx(single.evidence, abs=1e-4)


def test_each_phrase_is_offered_its_own_proposals(engine: Engine) -> None:
    seen, located = shapes(engine, scenes.draw(3_100_001, 256))
    everything, changes = np.full((1, 8, 8), 20, np.float32), {"agreement": 0.0, "presence": 0.0}
    config = overridden(engine.config, {"proposals": {"least": 0.5}, "selection": changes})
    for number in range(len(located)):
        offered = Proposals(everything, np.eye(len(located), dtype=np.float32)[[number]])
        found = objects(Engine(engine.models, config).sight, seen, located, offered, lambda: None)
        whole = [any(choice.inside.all() for choice in choices) for choices in found]
        assert whole == [each == number for each in range(len(located))]


def test_no_phrases_ask_nothing(engine: Engine, scene: Scene) -> None:
    def never() -> None:
        raise AssertionError("nothing to wait for")

    assert objects(engine.sight, engine.see(scene.image), [], None, never) == []

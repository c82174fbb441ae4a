from collections.abc import Callable

import numpy as np
import pytest

from backend import samples
from backend.labelstudio import label_config
from backend.samples import CONFIG, Items, clear_scenes, masks_by_label
from model.embedded.scenes import Scene
from model.types import Answer, Segment
from tests.backend.classic import CLASSIC_CONFIG, SCRIBBLE_CONFIG, classic, scribble
from tests.backend.items import asked, results


@pytest.fixture(scope="module")
def scene() -> Scene:
    [scene] = clear_scenes(1, 128)
    return scene


def test_scenes_are_the_same_each_time(scene: Scene) -> None:
    [again] = clear_scenes(1, 128)
    assert np.array_equal(scene.image, again.image)
    assert len({thing.kind.shape for thing in scene.objects}) == len(scene.objects) >= 2


@pytest.mark.parametrize(("config", "tool"), [(CONFIG, list), (CLASSIC_CONFIG, classic)])
def test_points_and_boxes_lie_on_their_thing(scene: Scene, config: str, tool: Callable[[Items], Items]) -> None:
    thing, read = scene.objects[0], label_config.read(config)
    for items in (tool(samples.point(thing)), tool(samples.box(thing))):
        request = asked({"result": items}, read, (128, 128))
        [hint] = request.query.hints
        assert request.selected == samples.label_of(thing)
        assert all(thing.mask[int(point.y), int(point.x)] for point in hint.points)
        if hint.box is not None:
            inside = thing.mask[round(hint.box.y0) : round(hint.box.y1), round(hint.box.x0) : round(hint.box.x1)]
            assert inside.sum() == thing.mask.sum()
            assert inside.any(axis=1).all()


def test_a_scribble_lies_on_its_thing(scene: Scene) -> None:
    for thing in scene.objects:
        context = {"result": scribble(thing)}
        request = asked(context, label_config.read(SCRIBBLE_CONFIG), (128, 128))
        [hint] = request.query.hints
        assert request.selected == samples.label_of(thing)
        assert all(thing.mask[int(y), int(x)] for stroke in hint.strokes for x, y in stroke.corners)


@pytest.mark.parametrize("config", [CONFIG, CLASSIC_CONFIG])
def test_the_truth_scores_one_and_a_stray_label_costs(scene: Scene, config: str) -> None:
    read = label_config.read(config)
    [*_, sample] = samples.samples(scene)
    request = asked(None, read, (128, 128))
    clauses = {clause.text: index for index, clause in enumerate(request.query.clauses)}
    segments = [Segment(thing.mask, 1.0, clause=clauses[samples.label_of(thing)]) for thing in scene.objects]
    absent = next(label for label in clauses if label not in sample.truth)
    stray = Segment(scene.objects[0].mask, 1.0, clause=clauses[absent])
    right = results(Answer(tuple(segments)), request, read)
    wrong = results(Answer((*segments, stray)), request, read)
    assert masks_by_label(right, (128, 128)).keys() == sample.truth.keys()
    assert sample.score(right) == 1.0
    assert sample.score(wrong) == pytest.approx(len(segments) / (len(segments) + 1))

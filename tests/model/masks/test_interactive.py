"""Click after click on the embedded models: points are obeyed, and the mask keeps still."""

import numpy as np
import pytest

from model.embedded import scenes
from model.embedded.scenes import Scene
from model.engine import Engine
from model.errors import BadQuery
from model.evaluation.scenarios.questions import click
from model.evaluation.scenarios.simulated_clicks import correction
from model.geometry import iou
from model.types import Box, Clause, Hint, Point, Query, Segment


def asked(engine: Engine, scene: Scene, hint: Hint) -> Segment:
    (segment,) = engine.segment(scene.image, Query(hints=(hint,))).segments
    return segment


def obeyed(segment: Segment, points: tuple[Point, ...]) -> bool:
    height, width = segment.mask.shape
    pixels = [(min(int(each.y), height - 1), min(int(each.x), width - 1), each.positive) for each in points]
    return all(segment.mask[row, column] == positive for row, column, positive in pixels)


@pytest.mark.parametrize("seed", range(3_400_000, 3_400_004))
def test_every_point_is_obeyed_after_every_click(engine: Engine, seed: int) -> None:
    scene, rng = scenes.draw(seed, (192, 256)), np.random.default_rng(seed)
    points: tuple[Point, ...] = (click(scene.objects[-1].mask),)
    segment = asked(engine, scene, Hint(points))
    for number in range(6):  # anywhere at all, so also against what the picture shows, and on its rim
        x, y = (256.0, 192.0) if number == 5 else rng.uniform((0, 0), (256, 192))
        points = (*points, Point(float(x), float(y), bool(rng.random() < 0.5)))
        segment = asked(engine, scene, Hint(points, previous=segment.low_res_mask))
        assert obeyed(segment, points)


def test_corrections_improve_the_mask(engine: Engine) -> None:
    scene = scenes.draw(3_400_011, 256)
    thing = scene.objects[-1]
    points: tuple[Point, ...] = (click(thing.mask),)
    segment = asked(engine, scene, Hint(points))
    reached = [iou(segment.mask, thing.mask)]
    for _ in range(3):
        points = (*points, correction(segment.mask, thing.mask))
        segment = asked(engine, scene, Hint(points, previous=segment.low_res_mask))
        reached.append(iou(segment.mask, thing.mask))
        assert obeyed(segment, points)
    assert reached[-1] >= reached[0] - 0.02
    assert reached[-1] > 0.85


def test_a_click_far_away_leaves_the_mask_where_it_was(engine: Engine) -> None:
    scene = scenes.draw(3_400_011, 256)
    points = (click(scene.objects[-1].mask),)
    first = asked(engine, scene, Hint(points))
    corner = max(((8.0, 8.0), (248.0, 8.0), (8.0, 248.0), (248.0, 248.0)), key=lambda at: _away(at, points[0]))
    second = asked(engine, scene, Hint((*points, Point(*corner)), previous=first.low_res_mask))
    assert second.mask[int(corner[1]), int(corner[0])]
    assert np.count_nonzero(first.mask & second.mask) > 0.9 * np.count_nonzero(first.mask)


def _away(corner: tuple[float, float], point: Point) -> float:
    return abs(corner[0] - point.x) + abs(corner[1] - point.y)


def test_a_negative_click_alone_refines_what_a_text_found(engine: Engine) -> None:
    scene = scenes.draw(3_400_011, 256)
    kind = scene.objects[-1].kind
    answer = engine.segment(scene.image, Query((Clause(f"the {kind.colour} {kind.shape}"),)))
    found = answer.segments[0]
    assert found.low_res_mask is not None
    rows, columns = np.nonzero(found.mask)
    unwanted = Point(float(columns[len(columns) // 2]), float(rows[len(rows) // 2]), positive=False)
    segment = asked(engine, scene, Hint((unwanted,), previous=found.low_res_mask))
    assert obeyed(segment, (unwanted,))
    assert segment.low_res_mask is not None


def test_logits_of_another_frame_are_refused(engine: Engine) -> None:
    image = scenes.draw(3_400_011, 256).image
    for previous, message in ((np.zeros((64, 64), np.float32), "another model"), (np.zeros(9, np.float32), "no mask")):
        with pytest.raises(BadQuery, match=message):
            engine.segment(image, Query(hints=(Hint((Point(9, 9),), previous=previous),)))


def test_a_box_is_refined_too(engine: Engine) -> None:
    scene = scenes.draw(3_400_011, 256)
    first = asked(engine, scene, Hint(box=Box(40, 40, 200, 200)))
    second = asked(engine, scene, Hint((Point(120, 120),), Box(40, 40, 200, 200), previous=first.low_res_mask))
    assert second.mask[120, 120]


def test_where_sam_doubts_its_mask_of_a_box_its_three_masks_are_looked_at(engine: Engine) -> None:
    """A bar that nearly fills a strip: with one mask SAM marks a third of it and expects an IoU of 0.24."""
    image = np.full((307, 1100, 3), (208, 183, 130), np.uint8)
    image[20:287, 20:1080] = (205, 35, 45)
    truth = np.zeros((307, 1100), np.bool_)
    truth[20:287, 20:1080] = True
    (segment,) = engine.segment(image, Query(hints=(Hint(box=Box(20, 20, 1080, 287)),))).segments
    assert iou(segment.mask, truth) > 0.9

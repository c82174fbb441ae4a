"""An answer to a box stays inside the box, as far as the annotator's points allow."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.embedded import scenes
from model.engine import Engine
from model.evaluation.scenarios.questions import around, click
from model.geometry import bounds, box_mask, grown, iou
from model.masks.box_limits import NEARLY_WHOLE, NOTHING_INSIDE, clipped, inside, limits_of, remark_on, within
from model.types import Box, Hint, Point, Query, Stroke

SIZE = (100, 120)
EVERYTHING = np.ones(SIZE, np.bool_)


def test_the_limits_are_the_box_and_a_tenth_of_each_side() -> None:
    kept = clipped(EVERYTHING, limits_of(Hint(box=Box(40, 20, 80, 30)), SIZE) or Box(0, 0, 0, 0))
    rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (18, 31, 36, 83)
    assert np.count_nonzero(kept) == 14 * 48


@pytest.mark.parametrize(
    "hint",
    [
        Hint((Point(110, 25),), Box(40, 20, 80, 30)),
        Hint(box=Box(40, 20, 80, 30), strokes=(Stroke(((60, 25), (110, 25))),)),
    ],
)
def test_positive_marks_outside_widen_the_limits(hint: Hint) -> None:
    limits = limits_of(hint, SIZE)
    assert limits is not None
    assert clipped(EVERYTHING, limits)[25, 100]


def test_negative_points_outside_do_not_widen_the_limits() -> None:
    limits = limits_of(Hint((Point(110, 25, positive=False),), Box(40, 20, 80, 30)), SIZE)
    assert limits == grown(Box(40, 20, 80, 30), (), 0.1, 2)


def test_a_hint_without_a_box_has_no_limits() -> None:
    assert limits_of(Hint((Point(5, 5),)), SIZE) is None


def test_a_turned_box_limits_along_its_own_axes() -> None:
    limits = limits_of(Hint(box=Box(60, 10, 100, 30, rotation=45)), SIZE)
    assert limits is not None
    assert np.array_equal(clipped(EVERYTHING, limits), box_mask(limits, SIZE, SIZE))


def test_logits_outside_the_limits_are_off_the_object() -> None:
    logits = np.full((12, 12), 3, np.float32)
    kept = inside(logits, Box(20, 20, 60, 60), SIZE)
    assert np.count_nonzero(kept > 0) == 16
    assert inside(logits, None, SIZE) is logits


@pytest.mark.parametrize("turn", [0, 30, 90])
@pytest.mark.parametrize("size", [(4000, 3000), (3, 6000)])
def test_logits_stay_where_the_limits_are_thinner_than_a_cell(turn: float, size: tuple[int, int]) -> None:
    """Of a wire on a large picture: no cell's centre lies in its box."""
    limits = limits_of(Hint(box=Box(640, 1, 900, 3, turn)), size)
    kept = inside(np.full((64, 64), 3, np.float32), limits, size) > 0
    cell = max(size) // 64
    assert kept[0, 640 // cell]
    assert np.count_nonzero(kept) < 40


def test_the_mask_to_refine_is_cut_to_the_limits_and_left_behind_by_a_box_that_moved() -> None:
    logits = np.full((12, 12), -3, np.float32)
    logits[2:6, 2:6] = 3  # pixels 20 to 60
    smaller = within(Hint(box=Box(40, 20, 60, 60), previous=logits), SIZE).previous
    assert smaller is not None
    assert np.array_equal(np.flatnonzero((smaller > 0).any(0)), [3, 4, 5])  # the slack reaches into the third column
    assert within(Hint(box=Box(80, 70, 100, 90), previous=logits), SIZE).previous is None
    loose = Hint((Point(5, 5),), previous=logits)
    assert within(loose, SIZE) is loose


def test_an_empty_box_and_a_click_on_everything_are_remarked_on() -> None:
    box, points = Hint(box=Box(1, 1, 5, 5)), Hint((Point(3, 3),))
    assert remark_on(box)(~EVERYTHING) == NOTHING_INSIDE
    assert remark_on(points)(EVERYTHING) == NEARLY_WHOLE
    assert not remark_on(box)(EVERYTHING)
    assert not remark_on(points)(box_mask(Box(0, 0, 100, 90), SIZE, SIZE))


BOXES = st.builds(
    lambda x, y, side, turn: Box(x, y, x + side, y + side / 2, turn),
    st.floats(0, 250), st.floats(0, 250), st.floats(4, 120), st.floats(0, 360),
)  # fmt: skip


@settings(deadline=None, max_examples=12)
@given(st.integers(3_500_000, 3_500_005), BOXES)
def test_no_pixel_of_an_answer_lies_outside(engine: Engine, seed: int, box: Box) -> None:
    hint = Hint(box=box)
    assume(bool(np.ptp(bounds(box, (256, 256)).reshape(2, 2), axis=0).all()))  # a part of it lies in the picture
    limits = limits_of(hint, (256, 256))
    assert limits is not None
    answer = engine.segment(scenes.draw(seed, 256).image, Query(hints=(hint,)))
    allowed = box_mask(limits, (256, 256), (256, 256))
    assert all(not (segment.mask & ~allowed).any() for segment in answer.segments)
    assert answer.segments or NOTHING_INSIDE in answer.warnings


def test_a_box_drawn_backwards_is_answered_alike(engine: Engine) -> None:
    scene = scenes.draw(3_500_003, 256)
    box = around(scene.objects[-1].mask)
    backwards = Box(box.x1, box.y1, box.x0, box.y0)
    hints = Hint(box=box), Hint(box=backwards)
    (one,), (other,) = (engine.segment(scene.image, Query(hints=(hint,))).segments for hint in hints)
    assert np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize(("seed", "start", "end"), [(3_500_003, 1, 2), (3_500_009, 4, 0), (3_500_026, 3, 4)])
def test_a_box_dragged_to_another_object_leaves_the_first_one_behind(
    engine: Engine, seed: int, start: int, end: int
) -> None:
    """Refining the first object's mask, SAM marked nothing inside the second one's box."""
    scene = scenes.draw(seed, 256)
    first, second = scene.objects[start].mask, scene.objects[end].mask
    (before,) = engine.segment(scene.image, Query(hints=(Hint(box=around(first)),))).segments
    fresh, dragged = Hint(box=around(second)), Hint(box=around(second), previous=before.low_res_mask)
    (wanted,), (found,) = (engine.segment(scene.image, Query(hints=(hint,))).segments for hint in (fresh, dragged))
    assert np.array_equal(found.mask, wanted.mask)
    assert iou(found.mask, second) > 0.9


def test_a_click_after_a_box_does_not_bring_back_what_was_cut_off(engine: Engine) -> None:
    scene = scenes.draw(3_500_003, 256)
    spot = click(scene.objects[-1].mask)
    box = Box(spot.x - 6, spot.y - 6, spot.x + 6, spot.y + 6)  # inside the object: SAM's mask is larger
    (first,) = engine.segment(scene.image, Query(hints=(Hint(box=box),))).segments
    again = Hint((Point(spot.x, spot.y),), box, previous=first.low_res_mask)
    (second,) = engine.segment(scene.image, Query(hints=(again,))).segments
    limits = limits_of(again, (256, 256))
    assert limits is not None
    assert not (second.mask & ~box_mask(limits, (256, 256), (256, 256))).any()

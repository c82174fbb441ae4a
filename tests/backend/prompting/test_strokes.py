"""Brush marks, polygons and vectors as the editor writes them -> strokes, in pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.labelstudio import brush_rle
from backend.prompting.strokes import MOST_CORNERS, middle_lines
from model.types import Box, Hint, Mask, Point, Stroke
from tests.backend.configs import SCRIBBLE
from tests.backend.items import SIZE, Item, box, read, refused

NOTHING = np.zeros(SIZE, np.bool_)


def painted(*corners: tuple[int, int], width: int = 15) -> Mask:
    """What a brush of this width covers along a line."""
    canvas = np.zeros(SIZE, np.uint8)
    cv2.polylines(canvas, [np.array(corners)], False, 1, width)
    return canvas.astype(np.bool_)


def brush(mask: Mask, label: str = "Dog", **more: Any) -> Item:
    value = {"format": "rle", "rle": brush_rle.encode(mask), "brushlabels": [label]}
    return {"id": f"s-{label}", "from_name": "scribble", "type": "brushlabels", "value": value, **more}


def polygon(*points: list[Any], **value: Any) -> Item:
    value = {"points": [*points], "polygonlabels": ["Dog"], **value}
    return {"id": "l", "from_name": "lasso", "type": "polygonlabels", "value": value}


def vector(*corners: tuple[Any, Any], **value: Any) -> Item:
    vertices = [{"x": x, "y": y, "id": str(number)} for number, (x, y) in enumerate(corners)]
    return {"id": "v", "from_name": "line", "type": "vector", "value": {"vertices": vertices, **value}}


def strokes_of(*items: Item) -> tuple[Stroke, ...]:
    (hint,) = read(*items, xml=SCRIBBLE).query.hints
    return hint.strokes


def covered(lines: tuple[tuple[tuple[float, float], ...], ...], width: int) -> Mask:
    """What a brush of this width covers along all lines."""
    canvas = np.zeros(SIZE, np.uint8)
    for line in lines:
        cv2.polylines(canvas, [np.array(line).astype(int)], False, 1, width)
    return canvas.astype(np.bool_)


def is_inside(mask: Mask, line: tuple[tuple[float, float], ...]) -> bool:
    return not (covered((line,), 1) & ~cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))).astype(bool)).any()


# Brush


def test_a_brush_mark_becomes_a_stroke_along_its_middle_with_its_label() -> None:
    request = read(brush(painted((40, 120), (280, 120))), xml=SCRIBBLE)
    ((stroke,),) = (hint.strokes for hint in request.query.hints)
    across = [x for x, _ in stroke.corners]
    assert stroke.positive
    assert request.selected == "Dog"
    assert all(y == pytest.approx(120, abs=2) for _, y in stroke.corners)
    assert min(across) < 70
    assert max(across) > 250
    assert sorted(across) in (across, across[::-1])


def test_the_stroke_follows_a_bend() -> None:
    mask = painted((40, 40), (40, 200), (280, 200), (280, 40))
    lines = middle_lines(mask)
    assert (covered(lines, 19) & mask).sum() > 0.8 * mask.sum()
    assert all(is_inside(mask, line) for line in lines)


def test_two_brush_marks_in_one_region_are_two_strokes() -> None:
    first, second = strokes_of(brush(painted((40, 60), (120, 60)) | painted((40, 180), (200, 180))))
    assert {round(first.corners[0][1] / 60), round(second.corners[0][1] / 60)} == {1, 3}


def test_a_dab_is_a_stroke_of_one_corner() -> None:
    (stroke,) = strokes_of(brush(painted((160, 120), (160, 120), width=3)))
    (corner,) = stroke.corners
    assert corner == pytest.approx((160.5, 120.5), abs=1)


@given(st.lists(st.tuples(st.integers(0, 319), st.integers(0, 239)), min_size=2, max_size=8), st.integers(1, 40))
def test_whatever_was_painted_the_lines_stay_inside_and_are_few_and_the_same(
    corners: list[tuple[int, int]], width: int
) -> None:
    mask = painted(*corners, width=width)
    lines = middle_lines(mask)
    assert 1 <= sum(len(line) for line in lines) <= MOST_CORNERS
    assert all(mask[int(y), int(x)] for line in lines for x, y in line)
    assert all(is_inside(mask, line) for line in lines)
    assert lines == middle_lines(mask)


def test_a_brush_mark_with_a_label_for_the_background_is_negative() -> None:
    wanted, unwanted = painted((40, 60), (120, 60)), painted((40, 180), (200, 180))
    assert [stroke.positive for stroke in strokes_of(brush(wanted), brush(unwanted, "Background"))] == [True, False]
    assert "only negative" in refused(brush(unwanted, "Background"), xml=SCRIBBLE)
    assert "only negative" in refused(brush(wanted, is_positive=False), xml=SCRIBBLE)


def test_masks_that_ride_along_are_no_prompt() -> None:
    accepted = {**brush(painted((40, 60), (120, 60))), "from_name": "mask"}
    assert "nothing to go by" in refused(accepted, xml=SCRIBBLE)


# Lines


def test_an_open_line_is_a_stroke_through_its_corners() -> None:
    assert strokes_of(vector((25, 50), (50, 12.5))) == (Stroke(((80, 120), (160, 30))),)
    assert strokes_of(polygon([25, 50], [50, 12.5], closed=False)) == (Stroke(((80, 120), (160, 30))),)


def test_a_closed_line_stands_for_what_it_goes_round() -> None:
    for item in (polygon([25, 25], [75, 25], [75, 75], [25, 75]), vector((25, 25), (75, 25), (50, 75), closed=True)):
        strokes = strokes_of(item)
        assert all(80 <= x <= 240 and 60 <= y <= 180 for stroke in strokes for x, y in stroke.corners)
        deepest = np.mean([corner for stroke in strokes for corner in stroke.corners], axis=0)
        assert deepest == pytest.approx((160, 110), abs=25)


def test_a_long_line_keeps_its_ends_and_loses_corners() -> None:
    (stroke,) = strokes_of(vector(*((x / 10, 50) for x in range(1001))))
    assert len(stroke.corners) == MOST_CORNERS
    assert (stroke.corners[0][0], stroke.corners[-1][0]) == (0, 319.5)


def test_a_line_that_does_not_ask_is_no_prompt() -> None:
    assert "nothing to go by" in refused({**polygon([1, 1], [5, 5], [9, 1]), "from_name": "outline"}, xml=SCRIBBLE)


# Together with other prompts


def test_a_stroke_inside_a_box_goes_with_it_and_another_is_a_hint_of_its_own() -> None:
    first, second = read(
        box(0, 0, 50, 50), vector((10, 10), (20, 20)), vector((60, 60), (70, 70)), xml=SCRIBBLE
    ).query.hints
    assert first == Hint((), Box(0, 0, 160, 120), (Stroke(((32, 24), (64, 48))),))
    assert second == Hint(strokes=(Stroke(((192, 144), (224, 168))),))


def test_negative_strokes_outside_belong_to_every_box() -> None:
    away = {**vector((60, 60), (70, 70)), "is_positive": False}
    hints = read(box(0, 0, 20, 20), box(30, 30, 20, 20), away, xml=SCRIBBLE).query.hints
    assert [hint.strokes for hint in hints] == [(Stroke(((192, 144), (224, 168)), positive=False),)] * 2
    assert not any(isinstance(mark, Point) for hint in hints for mark in hint.points)


# What cannot be read


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (brush(NOTHING), "stroke is empty"),
        (brush(np.ones((10, 10), np.bool_)), "mask: 100 pixels, but the picture has 320 x 240"),
        ({**brush(NOTHING), "value": {"rle": [1, 2]}}, "mask:"),
        ({**brush(NOTHING), "value": {"rle": None}}, "not a list of bytes"),
        ({**brush(NOTHING), "value": {}}, "needs two corners"),
        ({**brush(NOTHING), "value": None}, "without its value"),
        (brush(painted((40, 60), (120, 60)), image_rotation=90), "turn it back"),
        (vector((10, 10)), "needs two corners"),
        (vector((10, 10), (130, 10)), "the line at 130 %, 10 % lies outside the picture"),
        (vector((10, 10), (float("nan"), 10)), "the line has no usable x"),
        (polygon([10, 10], [20]), "the line has no usable y"),
        (polygon([10, 10], None), "the line has no usable x"),  # type: ignore[arg-type]
    ],
)
def test_a_stroke_that_cannot_be_read_is_told(item: Item, said: str) -> None:
    assert said in refused(item, xml=SCRIBBLE)


def test_a_polygon_holds_the_pixels_whose_centres_it_goes_round() -> None:
    """Around 2 x 2 pixels: libraries that fill their own outline make 3 x 3 of it, and its middle another pixel."""
    left, right, top, bottom = 100 * 10 / SIZE[1], 100 * 12 / SIZE[1], 100 * 10 / SIZE[0], 100 * 12 / SIZE[0]
    (stroke,) = strokes_of(polygon([left, top], [right, top], [right, bottom], [left, bottom]))
    assert stroke.corners == ((10.5, 10.5),)


def test_a_closed_line_between_the_centres_of_pixels_is_a_stroke() -> None:
    """Around a thread of a thing, or traced twice, which leaves nothing inside by the even-odd rule."""
    left, right, top, bottom = 100 * 50 / SIZE[1], 100 * 90 / SIZE[1], 100 * 30.6 / SIZE[0], 100 * 31.4 / SIZE[0]
    thin = [[left, top], [right, top], [right, bottom], [left, bottom]]
    (stroke,) = strokes_of(polygon(*thin))
    assert np.array(stroke.corners[:2]) == pytest.approx(np.array([(50, 30.6), (90, 30.6)]))
    wide = [[10, 10], [30, 10], [30, 30]]
    (twice,) = strokes_of(polygon(*wide, *wide))
    assert len(twice.corners) == 6

"""Points and rectangles as the editor sends them -> hints, in pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.geometry import extent, holds
from model.types import Box, Hint, Point
from tests.backend.configs import A
from tests.backend.items import Item, box, point, read, refused


def test_points_of_one_request_are_one_hint_in_pixels() -> None:
    request = read(point(25, 50), point(50, 12.5, is_positive=False))
    assert request.query.hints == (Hint((Point(80, 120), Point(160, 30, positive=False))),)
    assert request.selected == "Dog"


@pytest.mark.parametrize(
    "negative",
    [
        point(1, 1, is_positive=False),
        {**point(1, 1), "value": {"x": 1, "y": 1, "positive": False}},
        {**point(1, 1), "is_positive": None, "value": {"x": 1, "y": 1, "positive": False}},
        point(1, 1, label="Negative"),
        point(1, 1, label="background"),
    ],
)
def test_a_point_is_negative_by_alt_by_the_newer_key_or_by_its_label(negative: Item) -> None:
    (hint,) = read(point(50, 50), negative).query.hints
    assert [clicked.positive for clicked in hint.points] == [True, False]


def test_the_label_of_a_shared_labels_control_comes_by_the_same_id() -> None:
    label = {"id": "p1", "from_name": "label", "type": "labels", "value": {"x": 50, "y": 50, "labels": ["hound"]}}
    pin = {"id": "p1", "from_name": "point", "type": "keypoint", "value": {"x": 50, "y": 50, "width": 1}}
    assert read(pin, label, xml=A).selected == "Dog"


def test_a_label_that_masks_cannot_carry_is_not_selected() -> None:
    assert read(point(50, 50, label="Pin")).selected is None


def test_the_far_edge_belongs_to_the_last_pixel() -> None:
    (hint,) = read(point(100, 100)).query.hints
    assert hint.points == (Point(319.5, 239.5),)


@given(st.floats(0, 100), st.floats(0, 100), st.integers(1, 5000), st.integers(1, 5000))
def test_a_point_within_the_percent_range_lies_in_a_pixel(x: float, y: float, height: int, width: int) -> None:
    (hint,) = read(point(x, y), size=(height, width)).query.hints
    (clicked,) = hint.points
    assert 0 <= int(clicked.x) < width
    assert 0 <= int(clicked.y) < height
    assert abs(clicked.x - x / 100 * width) <= 0.5


def test_a_point_outside_the_picture_is_named() -> None:
    assert refused(point(50, 50), point(120, 50)) == "the point at 120 %, 50 % lies outside the picture"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), None, "12", True])
def test_a_coordinate_that_is_no_number_is_refused(wrong: object) -> None:
    assert "point has no usable x" in refused(point(wrong, 50))


def test_only_negative_points_are_refused_with_advice() -> None:
    assert "click on the object first" in refused(point(50, 50, label="Negative"))


def test_a_prompt_without_its_value_is_refused() -> None:
    assert "without its value" in refused({"from_name": "point", "type": "keypointlabels"})


def test_a_picture_turned_in_the_editor_is_refused() -> None:
    assert "turn it back" in refused(point(50, 50, image_rotation=90))


# Boxes


def test_a_rectangle_becomes_a_box_in_pixels_with_its_rotation() -> None:
    request = read(box(25, 50, 10, 20, rotation=-30))
    assert request.query.hints == (Hint(box=Box(80, 120, 112, 168, rotation=330)),)


def test_each_rectangle_is_a_hint_of_its_own_and_takes_the_points_inside() -> None:
    first, second, loose = read(box(0, 0, 25, 25), box(50, 50, 25, 25), point(60, 60), point(90, 10)).query.hints
    assert (first.points, second.points) == ((), (Point(192, 144),))
    assert loose == Hint((Point(288, 24),))


def test_a_point_is_inside_a_turned_rectangle_by_pixels_not_by_percent() -> None:
    """Turned by 90 degrees about (160, 120), a box of 80 x 40 pixels covers x from 120 to 160 and y from 120 to 200."""
    (hint,) = read(box(50, 50, 25, 100 / 6, rotation=90), point(40, 75), point(60, 60, is_positive=False)).query.hints
    assert [(clicked.x, clicked.positive) for clicked in hint.points] == [(128, True), (192, False)]


def test_negative_points_outside_belong_to_every_box() -> None:
    hints = read(box(0, 0, 25, 25), box(50, 50, 25, 25), point(90, 10, is_positive=False)).query.hints
    assert [len(hint.points) for hint in hints] == [1, 1]


def test_an_upright_box_is_clipped_to_the_picture() -> None:
    assert read(box(-10, 50, 120, 100)).query.hints == (Hint(box=Box(0, 120, 320, 240)),)


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (-0.1, 10), (0.1, 50)])
def test_a_box_without_area_is_refused(width: float, height: float) -> None:
    assert "smaller than a pixel" in refused(box(10, 10, width, height))


@pytest.mark.parametrize(("x", "y", "width", "height"), [(30, 10, -20, 40), (10, 50, 20, -40), (30, 50, -20, -40)])
def test_a_box_drawn_backwards_has_its_corners_put_in_order(x: float, y: float, width: float, height: float) -> None:
    assert read(box(x, y, width, height)).query.hints == (Hint(box=Box(32, 24, 96, 120)),)


def test_a_turned_box_drawn_backwards_covers_what_was_drawn() -> None:
    """Turned by 90 degrees, its width runs downwards and its height to the left."""
    (hint,) = read(box(50, 50, -25, 100 / 6, rotation=90)).query.hints
    assert hint.box is not None
    assert extent(hint.box) == pytest.approx(np.array([120, 40, 160, 120]))
    assert holds(hint.box, 121, 41)


def test_a_box_without_width_is_refused() -> None:
    without = box(10, 10, 5, 5)
    del without["value"]["width"]
    assert "box has no usable width" in refused(without)


@pytest.mark.parametrize(("x", "y", "rotation"), [(101, 10, 0), (10, -40, 0), (0.2, 0.2, 180)])
def test_a_box_outside_the_picture_is_refused(x: float, y: float, rotation: float) -> None:
    assert "outside the picture" in refused(box(x, y, 20, 20, rotation=rotation))

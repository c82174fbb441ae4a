"""The learning curve: where its line and dots are."""

import pytest

from backend.page.curve import BOTTOM, HEIGHT, LEFT, MOST_LABELS, RIGHT, TOP, WIDTH, CurvePoint, curve


def test_a_score_of_1_is_at_the_top_and_one_of_0_at_the_bottom() -> None:
    drawn = curve([CurvePoint(5, 0.0, 1.0, 1), CurvePoint(9, 1.0, 0.0, None)])
    assert [dot.y for dot in drawn.dots] == [TOP, HEIGHT - BOTTOM]
    assert [dot.x for dot in drawn.dots] == pytest.approx([LEFT + 98, WIDTH - RIGHT - 98])


def test_the_line_rises_to_what_is_adopted_and_stays_where_nothing_is() -> None:
    line = curve([CurvePoint(5, 0.0, 0.5, 1), CurvePoint(9, 0.5, 1.0, None)]).line
    assert line == "170.0,174.0 170.0,98.0 366.0,98.0"


def test_scores_beyond_the_scale_are_drawn_at_its_end() -> None:
    assert [dot.y for dot in curve([CurvePoint(5, 0.0, -0.5, None)]).dots] == [HEIGHT - BOTTOM]


def test_many_tries_have_few_labels_and_the_last_one_has_one() -> None:
    labels = [dot.label for dot in curve([CurvePoint(number, 0.5, 0.5, None) for number in range(40)]).dots]
    assert len([label for label in labels if label]) <= MOST_LABELS
    assert labels[-1] == "39"

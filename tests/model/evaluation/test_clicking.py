import numpy as np
import pytest

from model.evaluation.clicking import MOST, clicked_out, correction
from model.values import Hint, Mask


def rectangle(top: int, left: int, bottom: int, right: int) -> Mask:
    mask = np.zeros((40, 60), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def test_the_next_click_is_in_the_middle_of_the_largest_error() -> None:
    truth, found = rectangle(10, 10, 30, 30), rectangle(10, 20, 30, 35)  # 10 columns missing, 5 too many
    point = correction(found, truth)
    assert point.positive
    assert point.x == pytest.approx(15, abs=1)
    assert point.y == pytest.approx(20, abs=6)
    point = correction(truth | rectangle(0, 40, 40, 60), truth)
    assert not point.positive
    assert point.x == pytest.approx(50, abs=1)
    assert point.y == pytest.approx(20, abs=11)


def test_scattered_errors_count_one_by_one() -> None:
    truth = rectangle(10, 10, 30, 30)
    found = truth.copy()
    found[::4, 40:] = True  # ten lines of twenty: together the larger error, singly not
    found[10:20, 10:16] = False
    assert correction(found, truth).positive


def test_clicks_go_on_until_the_goal() -> None:
    truth = rectangle(0, 0, 40, 40)

    def answer(hint: Hint) -> Mask:
        return rectangle(0, 0, 40, 10 * len(hint.points))

    effort = clicked_out(answer, truth)
    assert (effort.clicks, effort.first, effort.reached) == (4, 0.25, True)


def test_an_object_that_is_never_reached_costs_twenty_clicks() -> None:
    asked: list[Hint] = []

    def answer(hint: Hint) -> Mask:
        asked.append(hint)
        return rectangle(0, 0, 40, 5)

    effort = clicked_out(answer, rectangle(0, 0, 40, 40))
    assert (effort.clicks, effort.reached, len(asked)) == (MOST, False, MOST)

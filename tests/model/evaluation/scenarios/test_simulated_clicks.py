import numpy as np
import pytest

from model.evaluation.scenarios.simulated_clicks import MOST, clicked_out, correction
from model.types import Answer, Hint, Mask, Segment


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


def answer_of(mask: Mask, logits: float = 0.0) -> Answer:
    return Answer((Segment(mask, 1.0, hint=0, low_res_mask=np.full((4, 4), logits, np.float32)),))


def test_clicks_go_on_until_the_goal_and_bring_the_last_answer_along() -> None:
    truth, seen = rectangle(0, 0, 40, 40), []

    def answer(hint: Hint) -> Answer:
        seen.append(None if hint.previous is None else float(hint.previous[0, 0]))
        return answer_of(rectangle(0, 0, 40, 10 * len(hint.points)), len(hint.points))

    effort = clicked_out(answer, truth)
    assert (effort.clicks, effort.first, effort.reached) == (4, 0.25, True)
    assert seen == [None, 1.0, 2.0, 3.0]


def test_an_object_that_is_never_reached_costs_twenty_clicks() -> None:
    asked: list[Hint] = []

    def answer(hint: Hint) -> Answer:
        asked.append(hint)
        return answer_of(rectangle(0, 0, 40, 5))

    effort = clicked_out(answer, rectangle(0, 0, 40, 40))
    assert (effort.clicks, effort.reached, len(asked)) == (MOST, False, MOST)


def test_what_a_text_found_needs_no_click_or_is_clicked_into_shape() -> None:
    truth = rectangle(0, 0, 40, 40)

    def answer(hint: Hint) -> Answer:
        assert hint.previous is not None
        return answer_of(truth)

    effort = clicked_out(answer, truth, answer_of(rectangle(0, 0, 40, 38)))
    assert (effort.clicks, effort.first, effort.reached) == (0, 0.95, True)
    assert clicked_out(answer, truth, answer_of(rectangle(0, 0, 40, 30))).clicks == 1


def test_where_the_text_found_nothing_the_clicks_begin_from_nothing() -> None:
    truth = rectangle(0, 0, 40, 30)

    def answer(hint: Hint) -> Answer:
        assert hint.previous is None
        return answer_of(truth)

    for given in (Answer(()), answer_of(rectangle(0, 50, 40, 60))):
        effort = clicked_out(answer, truth, given)
        assert (effort.clicks, effort.first, effort.reached) == (1, 0.0, True)

"""Orders that come, are lost and are given up."""

from collections.abc import Iterator

from backend.bulk.orders import Order
from backend.bulk.to_do import MOST_LOSSES, ToDo
from backend.inference.active_revision import ActiveRevision
from backend.inference.predict_request import PredictRequest
from backend.labelstudio import label_config
from backend.problems import Problem
from tests.backend.calls import BITMASK

CONFIG = label_config.read(BITMASK)


def order(task: int) -> Order:
    return Order(task, PredictRequest([], {}, CONFIG, ""), ActiveRevision(0, "v"))


def test_orders_are_taken_one_ahead_and_no_more() -> None:
    asked: list[int] = []

    def orders() -> Iterator[Order]:
        for number in (1, 2, 3):
            asked.append(number)
            yield order(number)

    to_do = ToDo(orders())
    assert asked == [1]
    first = to_do.fresh()
    assert first is not None
    assert (first.task, asked, to_do.empty) == (1, [1, 2], False)


def test_it_is_empty_when_all_were_taken() -> None:
    to_do = ToDo(iter([order(1)]))
    to_do.fresh()
    assert to_do.empty
    assert to_do.fresh() is None
    assert to_do.lost() is None


def test_what_is_lost_comes_again_alone() -> None:
    to_do = ToDo(iter([order(1), order(2)]))
    one, two = to_do.fresh(), to_do.fresh()
    assert one is not None
    assert two is not None
    assert to_do.take_back([one]) == []
    assert not to_do.empty
    assert to_do.goes_alone(one)
    assert not to_do.goes_alone(two)
    assert to_do.lost() is one
    assert to_do.empty


def test_what_is_lost_too_often_is_given_up_with_a_reply() -> None:
    to_do = ToDo(iter([order(7)]))
    mine = to_do.fresh()
    assert mine is not None
    for _ in range(MOST_LOSSES - 1):
        assert to_do.take_back([mine]) == []
        assert to_do.lost() is mine
    [reply] = to_do.take_back([mine])
    assert reply.task == 7
    assert isinstance(reply.outcome, Problem)
    assert to_do.empty

"""Replies that are stored by several threads, and what is done in them comes back in order."""

import threading
from collections.abc import Iterator

import pytest

from backend.bounded_map import bounded_map

MOST = 4


def test_every_reply_is_stored_once_and_no_more_are_taken_than_can_be_stored() -> None:
    stored: list[int] = []
    ahead: list[int] = []

    def replies() -> Iterator[int]:
        for number in range(50):
            ahead.append(number - len(stored))
            yield number

    assert len(list(bounded_map(stored.append, replies(), MOST, MOST))) == 50
    assert sorted(stored) == list(range(50))
    assert max(ahead) < MOST


def test_several_are_stored_at_a_time() -> None:
    together = threading.Barrier(MOST)

    def store(_: int) -> None:
        together.wait(60)  # for all of them

    assert len(list(bounded_map(store, iter(range(MOST)), MOST, MOST))) == MOST


def test_a_failure_ends_it_when_the_others_are_stored() -> None:
    stored: list[int] = []
    together = threading.Barrier(MOST)

    def store(number: int) -> None:
        together.wait(60)
        if number == 0:
            raise ValueError("away")
        stored.append(number)

    with pytest.raises(ValueError, match="away"):
        list(bounded_map(store, iter(range(MOST)), MOST, MOST))
    assert sorted(stored) == list(range(1, MOST))

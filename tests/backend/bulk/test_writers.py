"""Replies that are stored by several threads."""

import threading
from collections.abc import Iterator

import pytest

from backend.bulk.writers import WRITERS, abreast


def test_every_reply_is_stored_once_and_no_more_are_taken_than_can_be_stored() -> None:
    stored: list[int] = []
    ahead: list[int] = []

    def replies() -> Iterator[int]:
        for number in range(50):
            ahead.append(number - len(stored))
            yield number

    assert len(list(abreast(stored.append, replies()))) == 50
    assert sorted(stored) == list(range(50))
    assert max(ahead) < WRITERS


def test_several_are_stored_at_a_time() -> None:
    together = threading.Barrier(WRITERS)

    def store(_: int) -> None:
        together.wait(20)  # for all of them

    assert len(list(abreast(store, iter(range(WRITERS))))) == WRITERS


def test_a_failure_ends_it_when_the_others_are_stored() -> None:
    stored: list[int] = []
    together = threading.Barrier(WRITERS)

    def store(number: int) -> None:
        together.wait(20)
        if number == 0:
            raise ValueError("away")
        stored.append(number)

    with pytest.raises(ValueError, match="away"):
        list(abreast(store, iter(range(WRITERS))))
    assert sorted(stored) == list(range(1, WRITERS))

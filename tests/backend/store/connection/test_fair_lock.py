"""Writers take turns: nobody is passed over for long."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from backend.store.connection.fair_lock import Turns
from backend.store.database import Database
from model.errors import Unavailable
from tests.faults.waiting import until


def queue_is(turns: Turns, number: int) -> bool:
    return len(turns._waiting) == number


def test_those_who_wait_come_in_their_order() -> None:
    turns, came, asked = Turns(), list[int](), list[threading.Thread]()

    def take(number: int) -> None:
        with turns.taken(60) as mine:
            assert mine
            came.append(number)

    with turns.taken(60):
        for number in range(5):
            asked.append(threading.Thread(target=take, args=(number,)))
            asked[-1].start()
            until("it waits", partial(queue_is, turns, number + 2))
        assert came == []
    for each in asked:
        each.join()
    assert came == [0, 1, 2, 3, 4]


def test_who_waits_in_vain_is_told_and_holds_up_nobody() -> None:
    turns = Turns()
    with turns.taken(60) as first, turns.taken(0) as second:
        assert (first, second) == (True, False)
    with turns.taken(0) as third:
        assert third


def test_a_writer_that_keeps_the_others_waiting_is_told_of(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/anyword.db")
    hurried = database.hurried(0.05)
    with database.writing(), pytest.raises(Unavailable, match="try again"), hurried.writing():
        pass
    hurried.close()
    database.close()

"""Numbered revisions, which of them is in force, and who may change that."""

import threading

import pytest
from sqlalchemy.exc import StatementError

from backend.store import revisions
from backend.store.database import Database
from backend.store.revisions import Draft, StaleParent
from model.errors import BadQuery


def draft(cause: str = "5 corrections") -> Draft:
    return Draft(cause, {"overall": {"before": 0.25, "after": 0.75}, "words": ["☃", None]}, cause.encode() * 1000)


def test_an_adopted_revision_is_in_force_with_all_that_was_learned(database: Database, project: str) -> None:
    with database.writing() as connection:
        assert revisions.number_in_force(connection, project) == 0
        assert revisions.in_force(connection, project) is None
        assert revisions.adopt(connection, project, draft(), parent=0) == 1
    with database.reading() as connection:
        found = revisions.in_force(connection, project)
        assert found is not None
        assert (found.number, found.parent, found.cause) == (1, 0, draft().cause)
        assert (found.figures, found.lessons) == (draft().figures, draft().lessons)
        assert revisions.number_in_force(connection, project) == 1
        assert revisions.get(connection, project, 1) == found
        assert revisions.get(connection, project, 2) is None


def test_numbers_go_on_after_a_rollback_and_parents_tell_the_way(database: Database, project: str) -> None:
    with database.writing() as connection:
        for parent in (0, 1, 2):
            revisions.adopt(connection, project, draft(str(parent)), parent)
        revisions.switch(connection, project, 1)
        assert revisions.adopt(connection, project, draft("other way"), 1) == 4
        revisions.switch(connection, project, 0)
        assert revisions.in_force(connection, project) is None
        assert revisions.adopt(connection, project, draft("from nothing"), 0) == 5
        assert [(one.number, one.parent) for one in revisions.history(connection, project)] == [
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 1),
            (5, 0),
        ]


def test_what_was_learned_on_something_else_is_not_adopted(database: Database, project: str) -> None:
    with database.writing() as connection:
        revisions.adopt(connection, project, draft("first"), 0)
    for parent in (0, 2):
        with pytest.raises(StaleParent, match="1 is in force"), database.writing() as connection:
            revisions.adopt(connection, project, draft("late"), parent)
    with database.reading() as connection:
        assert [one.cause for one in revisions.history(connection, project)] == ["first"]


def test_of_many_who_adopt_on_one_parent_at_once_one_does(url: str) -> None:
    project, together, outcomes = "1.5", threading.Barrier(8), []

    def work(number: int) -> None:
        own = Database(url)
        together.wait()
        try:
            with own.writing() as connection:
                outcomes.append(revisions.adopt(connection, project, draft(str(number)), 0))
        except StaleParent:
            outcomes.append(0)
        own.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [0] * 7 + [1]


def test_a_pinned_revision_stays_until_somebody_switches(database: Database, project: str) -> None:
    with database.writing() as connection:
        revisions.adopt(connection, project, draft(), 0)
        revisions.pin(connection, project, True)
        assert revisions.pinned(connection, project)
        with pytest.raises(StaleParent, match="pinned"):
            revisions.adopt(connection, project, draft(), 1)
        revisions.switch(connection, project, 0)
        assert revisions.number_in_force(connection, project) == 0
        revisions.pin(connection, project, False)
        assert revisions.adopt(connection, project, draft(), 0) == 2


def test_no_revision_that_is_not_there_comes_in_force(database: Database, project: str) -> None:
    with database.writing() as connection:
        revisions.adopt(connection, project, draft(), 0)
        with pytest.raises(BadQuery, match="no revision 7"):
            revisions.switch(connection, project, 7)
        assert revisions.number_in_force(connection, project) == 1


def test_a_reset_leaves_nothing_in_force_and_keeps_the_history(database: Database, project: str) -> None:
    with database.writing() as connection:
        revisions.adopt(connection, project, draft(), 0)
        revisions.pin(connection, project, True)
        revisions.reset(connection, project)
        assert revisions.number_in_force(connection, project) == 0
        assert not revisions.pinned(connection, project)
        assert revisions.adopt(connection, project, draft(), 0) == 2


def test_figures_that_json_does_not_know_are_refused(database: Database, project: str) -> None:
    with pytest.raises((StatementError, ValueError), match="JSON compliant"), database.writing() as connection:
        revisions.adopt(connection, project, Draft("", {"mean": float("nan")}, b""), 0)

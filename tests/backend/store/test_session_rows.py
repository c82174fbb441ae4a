from datetime import UTC, datetime, timedelta

from backend.store import session_rows
from backend.store.database import Database
from backend.store.session_rows import Key, Stamp

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)


def asked(database: Database, key: Key, turn: int, text: bytes = b"asked", when: datetime = NOW) -> None:
    with database.writing() as connection:
        session_rows.ask(connection, key, turn, text, when)


def answered(database: Database, key: Key, turn: int, text: bytes = b"answered") -> None:
    with database.writing() as connection:
        session_rows.answer(connection, key, turn, text)


def kept(database: Database, key: Key) -> tuple[object, ...]:
    with database.reading() as connection:
        return tuple(
            (each.turn, each.answered, each.asked, each.answer)
            for each in session_rows.get(connection, key.project, key.place, [key.number])
        )


def test_what_was_asked_and_answered_is_there(database: Database, project: str) -> None:
    key = Key(project, "place", "one")
    asked(database, key, 1)
    assert kept(database, key) == ((1, 0, b"asked", None),)
    answered(database, key, 1)
    asked(database, key, 2, b"more")
    assert kept(database, key) == ((2, 1, b"more", b"answered"),)
    with database.reading() as connection:
        assert session_rows.stamps(connection, project, "place", LONG_AGO) == {"one": Stamp(2, 1, over=False)}
        assert session_rows.stamps(connection, project, "elsewhere", LONG_AGO) == {}


def test_what_comes_late_changes_nothing(database: Database, project: str) -> None:
    key = Key(project, "place", "one")
    for turn in (3, 2, 3):
        asked(database, key, turn, b"asked %d" % turn)
    for turn in (2, 1):
        answered(database, key, turn, b"answered %d" % turn)
    assert kept(database, key) == ((3, 2, b"asked 3", b"answered 2"),)


def test_sessions_of_a_task_that_was_left_are_over_for_everybody(database: Database, project: str) -> None:
    left, other = Key(project, "place", "one"), Key(project, "elsewhere", "two")
    asked(database, left, 1)
    asked(database, other, 1)
    with database.writing() as connection:
        session_rows.end(connection, project, "place", NOW)
    answered(database, left, 1)
    assert (kept(database, left), len(kept(database, other))) == ((), 1)
    with database.reading() as connection:
        assert session_rows.stamps(connection, project, "place", LONG_AGO)["one"].over
    asked(database, left, 2, b"again")
    assert kept(database, left) == ((2, 0, b"again", None),)


def test_what_was_not_used_for_long_is_neither_found_nor_kept(database: Database, project: str) -> None:
    old, new = Key(project, "place", "old"), Key(project, "place", "new")
    asked(database, old, 1, when=NOW - timedelta(minutes=20))
    asked(database, new, 1, when=NOW)
    since = NOW - timedelta(minutes=15)
    with database.writing() as connection:
        assert list(session_rows.stamps(connection, project, "place", since)) == ["new"]
        session_rows.trim(connection, since)
    assert (kept(database, old), len(kept(database, new))) == ((), 1)


def test_an_answer_to_what_nobody_asked_is_not_kept(database: Database, project: str) -> None:
    key = Key(project, "place", "one")
    answered(database, key, 1)
    assert kept(database, key) == ()

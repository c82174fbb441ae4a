"""A database that is locked, read-only, full or lost: nothing is stored by halves, and predictions go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from model.coco_rle import pack
from tests.backend import calls
from tests.backend.colour_engine import ColourEngine
from tests.faults.room import Room, room
from tests.faults.studio import Event, Studio, task
from tests.faults.waiting import until
from tests.postgres import Postgres

MASK = np.zeros((60, 80), np.bool_)
MASK[10:30, 20:50] = True
PICTURE = calls.data_uri(calls.picture())
PLENTY = 1_000_000  # pages
FULL = """CREATE FUNCTION fail() RETURNS trigger AS $$
  BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$ LANGUAGE plpgsql"""
DYING = """CREATE FUNCTION fail() RETURNS trigger AS $$
  BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NEW; END $$ LANGUAGE plpgsql"""
ON_WRITING = "CREATE TRIGGER failing AFTER INSERT ON anyword_events FOR EACH ROW EXECUTE FUNCTION fail()"


def prepared(told: Room, studio: Studio) -> str:
    """Tell of annotation 1 and put revision 1 in force; the version that this gives."""
    assert told.tell(annotated(studio, 1)).status_code == 200
    assert set(told.known(studio)) == {1}
    told.adopt(studio)
    assert predicted(told, studio).endswith("-r1")
    return told.version(studio)


def annotated(studio: Studio, number: int) -> Event:
    return studio.annotated(number, task(number, PICTURE), {"red": [MASK]})


def predicted(told: Room, studio: Studio) -> str:
    """Ask for a pre-annotation, which has to succeed; its version."""
    answer = told.ask(studio, task(1, PICTURE))
    assert answer.status_code == 200, answer.status
    [prediction] = answer.get_json()["results"]
    assert len(prediction["result"]) == 2
    return str(prediction["model_version"])


def goes_on(told: Room, studio: Studio, version: str) -> None:
    """Annotation 2 waits on the disk, and a prediction is answered by the last good revision."""
    answer = told.tell(annotated(studio, 2))
    assert answer.status_code == 200, answer.status
    assert predicted(told, studio) == version


def is_whole_again(told: Room, studio: Studio, version: str) -> None:
    """Annotation 2 comes in by itself, and one that is told now comes behind it."""
    until("caught up", lambda: told.tell(annotated(studio, 2)).status_code == 200 and set(told.known(studio)) == {1, 2})
    known = told.known(studio)
    assert [each.corrections[0].mask for each in known.values()] == [pack(MASK)] * 2
    assert predicted(told, studio) == version


def test_sqlite_is_locked_by_somebody_else(sqlite: Path, studio: Studio) -> None:
    with room(f"sqlite:///{sqlite}", ColourEngine()) as told:
        version = prepared(told, studio)
        other = sqlite3.connect(sqlite, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        goes_on(told, studio, version)
        other.execute("ROLLBACK")
        other.close()
        is_whole_again(told, studio, version)


def test_sqlite_is_read_only(sqlite: Path, studio: Studio) -> None:
    with room(f"sqlite:///{sqlite}", ColourEngine()) as told:
        version = prepared(told, studio)
        with room(f"sqlite:///file:{sqlite}?mode=ro&uri=true", ColourEngine()) as barred:
            goes_on(barred, studio, version)
        assert set(told.known(studio)) == {1}, "it waits for the server that was told"
        is_whole_again(told, studio, version)


def test_sqlite_is_full(sqlite: Path, studio: Studio) -> None:
    with pages() as most, room(f"sqlite:///{sqlite}", ColourEngine()) as told:
        version = prepared(told, studio)
        most[0] = 1  # SQLite takes it for as many as there are
        crowd = {number: told.tell(annotated(studio, number)).status_code for number in range(100, 140)}
        assert set(crowd.values()) == {200}
        assert predicted(told, studio) == version
        most[0] = PLENTY
        until("caught up", lambda: set(told.known(studio)) == {1} | set(crowd))
    looking = sqlite3.connect(sqlite)
    assert looking.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    looking.close()


@pytest.mark.parametrize("statement", [FULL, DYING], ids=["full", "lost in the middle of a write"])
def test_postgresql_fails_while_it_writes(postgres: Postgres, studio: Studio, statement: str) -> None:
    with postgresql(postgres, studio) as (told, version, connection):
        connection.execute(statement.encode())
        connection.execute(ON_WRITING.encode())
        goes_on(told, studio, version)
        connection.execute("DROP TRIGGER failing ON anyword_events")
        is_whole_again(told, studio, version)


def test_postgresql_is_read_only(postgres: Postgres, studio: Studio) -> None:
    with postgresql(postgres, studio) as (told, version, connection):
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on".encode())
        terminate(connection)
        goes_on(told, studio, version)
        connection.execute(f"ALTER DATABASE {connection.info.dbname} RESET ALL".encode())
        terminate(connection)
        is_whole_again(told, studio, version)


def test_postgresql_is_locked_by_somebody_else(postgres: Postgres, studio: Studio) -> None:
    with postgresql(postgres, studio) as (told, version, connection), connection.transaction(force_rollback=True):
        connection.execute("LOCK TABLE anyword_events, anyword_standings IN ACCESS EXCLUSIVE MODE")
        goes_on(told, studio, version)


def test_postgresql_ends_every_connection(postgres: Postgres, studio: Studio) -> None:
    with postgresql(postgres, studio) as (told, version, connection):
        terminate(connection)
        assert predicted(told, studio) == version
        terminate(connection)
        is_whole_again(told, studio, version)


def test_postgresql_is_away(postgres: Postgres, studio: Studio) -> None:
    with postgresql(postgres, studio) as (told, version, _):
        postgres.stop()
        goes_on(told, studio, version)
        postgres.start()
        is_whole_again(told, studio, version)


def test_a_rollback_reaches_every_process_at_once(url: str, studio: Studio) -> None:
    with room(url, ColourEngine()) as one, room(url, ColourEngine()) as other:
        version = prepared(one, studio)
        assert predicted(other, studio) == version
        one.switch(studio, 0)
        assert predicted(one, studio) == predicted(other, studio) == version.removesuffix("-r1")
        other.switch(studio, 1)
        assert predicted(one, studio) == predicted(other, studio) == version


@contextmanager
def postgresql(server: Postgres, studio: Studio) -> Iterator[tuple[Room, str, psycopg.Connection[Any]]]:
    """An app on a database of its own, prepared, and an operator's connection to that."""
    url = server.make()
    with room(url, ColourEngine()) as told:
        version = prepared(told, studio)
        with psycopg.connect(url, autocommit=True) as connection:
            yield told, version, connection
    server.drop(url)


def terminate(connection: psycopg.Connection[Any]) -> None:
    """End every connection to the database but this one."""
    others = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {others}".encode())


@contextmanager
def pages() -> Iterator[list[int]]:
    """How many pages a SQLite file may have, as a list of one number that may be changed."""
    most = [PLENTY]

    def choose(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[0]}")

    event.listen(Pool, "checkout", choose)
    try:
        yield most
    finally:
        event.remove(Pool, "checkout", choose)

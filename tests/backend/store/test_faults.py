"""A database that is locked, read-only, full or lost: said in words, and nothing is stored by halves."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import OperationalError

from backend.page.remedies import remedy
from backend.problems import problem
from backend.store import annotation_rows, revisions
from backend.store.connection.failures import explained, is_away
from backend.store.database import Database
from backend.store.revisions import Draft
from model.errors import Misconfigured, Unavailable
from tests.backend.store.samples import annotation
from tests.postgres import Postgres

KEY = "1.5"
LARGE = Draft("large", {}, bytes(3_000_000))
PATIENCE = 0.2  # seconds


@pytest.fixture
def opened(url: str) -> Iterator[Database]:
    """A database with one annotation and one revision."""
    database = Database(url, PATIENCE)
    with database.writing() as connection:
        annotation_rows.keep(connection, KEY, annotation(1, 5))
        revisions.adopt(connection, KEY, Draft("first", {}, b"whole"), 0)
    yield database
    database.close()


def learn(connection: Connection) -> None:
    """Facts, then a revision: all of it or nothing."""
    annotation_rows.keep(connection, KEY, annotation(2, 6))
    revisions.adopt(connection, KEY, LARGE, 1)


def is_as_before(database: Database) -> bool:
    with database.reading() as connection:
        known = [found.id for found in annotation_rows.annotations(connection, KEY)]
        numbers = [one.number for one in revisions.history(connection, KEY)]
        return known == [1] and numbers == [1] and revisions.number_in_force(connection, KEY) == 1


def goes_on(database: Database) -> bool:
    with database.writing() as connection:
        learn(connection)
        return revisions.number_in_force(connection, KEY) == 2


def refused(database: Database, said: str) -> None:
    with pytest.raises(Unavailable, match=said) as caught, database.writing() as connection:
        learn(connection)
    told = problem(caught.value)
    assert (told.status, told.kind) == (503, "Unavailable")
    assert remedy(told.message)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE anyword_standings IN EXCLUSIVE MODE")
            yield
            other.rollback()


def test_a_locked_database_is_waited_for_and_then_given_up(url: str, opened: Database) -> None:
    with locked(url):
        refused(opened, "is locked by somebody else for too long")
        assert is_as_before(opened), "readers go on"
    assert goes_on(opened)


def test_a_read_only_file_can_be_read(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/anyword.db").close()
    database = Database(f"sqlite:///file:{tmp_path}/anyword.db?mode=ro&uri=true", PATIENCE)
    refused(database, "anyword.db.* is read-only")
    with database.reading() as connection:
        assert revisions.number_in_force(connection, KEY) == 0
    database.close()


def test_options_that_the_driver_does_not_know_are_named() -> None:
    with pytest.raises(Misconfigured, match=r'name on 127.0.0.1 cannot be asked as its URL says: .*"nonsense"'):
        Database("postgresql://127.0.0.1:1/name?nonsense=1", PATIENCE, later=True)


def test_a_read_only_server_can_be_read(postgres: Postgres) -> None:
    url = postgres.make()
    Database(url).close()
    with postgres.connect() as connection:
        name = url.rsplit("/", 1)[1]
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    database = Database(url, PATIENCE)
    refused(database, "on 127.0.0.1 is read-only")
    with database.reading() as connection:
        assert revisions.number_in_force(connection, KEY) == 0
    database.close()


def test_a_file_that_may_not_grow_stays_as_it_was(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/anyword.db", PATIENCE)
    with pytest.raises(Unavailable, match="is full: make room"):
        _outgrow(database)
    with database.reading() as connection:
        assert annotation_rows.annotations(connection, KEY) == ()
        assert revisions.history(connection, KEY) == ()
    database.close()


def _outgrow(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("PRAGMA max_page_count = 50"))
        annotation_rows.keep(connection, KEY, annotation(2, 6))
        revisions.adopt(connection, KEY, LARGE, 0)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_full_disk_costs_one_transaction(disk: Path) -> None:
    database = Database(f"sqlite:///{disk}/anyword.db", PATIENCE)
    with database.writing() as connection:
        annotation_rows.keep(connection, KEY, annotation(1, 5))
        revisions.adopt(connection, KEY, Draft("first", {}, b"whole"), 0)
    refused(database, "is full|disk is full")
    assert is_as_before(database)
    with database.writing() as connection:
        assert annotation_rows.keep(connection, KEY, annotation(3, 7)), "what fits is stored"
    database.close()


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_full_disk_refuses_a_new_file_and_leaves_it_unlocked(disk: Path, left: int) -> None:
    """`left`: blocks for the file and its journal, so that different steps fail."""
    room = os.statvfs(disk)
    filling = disk / "filling"
    filling.write_bytes(bytes((room.f_bavail - left) * room.f_bsize))
    with pytest.raises(Misconfigured, match="is full: make room") as kept:
        Database(f"sqlite:///{disk}/anyword.db", PATIENCE)
    filling.unlink()
    Database(f"sqlite:///{disk}/anyword.db", PATIENCE).close()
    del kept  # it refers to the connection that failed, which is to hold no lock even so


def test_a_full_disk_of_the_server_costs_one_transaction(postgres: Postgres) -> None:
    url = postgres.make()
    database = Database(url, PATIENCE)
    with database.writing() as connection:
        annotation_rows.keep(connection, KEY, annotation(1, 5))
        revisions.adopt(connection, KEY, Draft("first", {}, b"whole"), 0)
        connection.execute(text(_FULL))
        connection.execute(text(_ON_LEARNING))
    refused(database, "is full: make room")
    assert is_as_before(database)
    database.close()


_FULL = """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"""
_ON_LEARNING = "CREATE TRIGGER full_disk AFTER INSERT ON anyword_revisions EXECUTE FUNCTION full_disk()"


def test_a_connection_that_breaks_in_the_middle_costs_one_transaction(postgres: Postgres) -> None:
    database = Database(postgres.make(), PATIENCE)
    with database.writing() as connection:
        annotation_rows.keep(connection, KEY, annotation(1, 5))
        revisions.adopt(connection, KEY, Draft("first", {}, b"whole"), 0)
    for halfway in (True, False):
        with pytest.raises(Unavailable, match="was lost: see whether its server runs"):
            _broken(database, postgres, halfway)
        assert is_as_before(database)
    assert goes_on(database)
    database.close()


def _broken(database: Database, postgres: Postgres, halfway: bool) -> None:
    """The server ends our connection: halfway through the statements, or before the last of them, the commit."""
    with database.writing() as connection:
        annotation_rows.keep(connection, KEY, annotation(2, 6))
        if not halfway:
            revisions.adopt(connection, KEY, LARGE, 1)
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with postgres.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        if halfway:
            revisions.adopt(connection, KEY, LARGE, 1)


def test_a_server_that_is_away_is_missed_and_found_again(postgres: Postgres) -> None:
    url = postgres.make()
    database = Database(url, PATIENCE)
    with database.writing() as connection:
        annotation_rows.keep(connection, KEY, annotation(1, 5))
        revisions.adopt(connection, KEY, Draft("first", {}, b"whole"), 0)
    postgres.stop()
    refused(database, "was lost")
    with pytest.raises(Unavailable, match="was lost"), database.reading() as connection:
        revisions.number_in_force(connection, KEY)
    with pytest.raises(Misconfigured, match="was lost"):
        Database(url, PATIENCE)
    postgres.start()
    assert is_as_before(database)
    assert goes_on(database)
    postgres.kill()
    postgres.start()
    with database.reading() as connection:
        assert revisions.number_in_force(connection, KEY) == 2
    database.close()


def test_more_threads_than_connections_hear_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.database.CONNECTIONS", 1)
    monkeypatch.setattr("backend.store.database.MORE_CONNECTIONS", 0)
    database = Database(f"sqlite:///{tmp_path}/anyword.db", PATIENCE)
    with database.reading(), pytest.raises(Unavailable, match="more threads"), database.reading():
        pass
    database.close()


@pytest.mark.parametrize(
    "words",
    [
        "FATAL:  sorry, too many clients already",
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        'FATAL:  too many connections for role "anyword"',
    ],
)
def test_a_server_without_a_free_connection_is_named_as_such(words: str) -> None:
    """Before a connection stands, psycopg knows no code: only what PostgreSQL says."""
    error = OperationalError("", {}, psycopg.OperationalError(f"connection failed: {words}"))
    said = explained(error, make_url("postgresql://u:p@host/name"))
    assert "takes no more connections: raise its max_connections" in said
    assert is_away(error), "a server that starts then waits for it, as for one that is away"

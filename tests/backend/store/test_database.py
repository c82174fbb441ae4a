"""Opening a database, and what a transaction is."""

import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from backend.store import annotation_rows, offers, schema
from backend.store import database as database_module
from backend.store.database import Database
from backend.store.tables import annotations, metadata
from backend.webhooks.corrections import Annotation, Correction, Offer
from model.coco_rle import pack
from model.embedded.scenes import HELD_OUT, Thing, draw
from model.errors import Misconfigured, Unavailable
from model.types import Mask
from tests.backend.store.samples import annotation, moment, replace_all
from tests.postgres import Postgres

FORBIDDEN = ("token", "password", "secret", "key_", "credential")


def test_the_migrations_make_the_tables_of_the_code(database: Database) -> None:
    with database.reading() as connection:
        known = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=known)
        assert compare_metadata(context, metadata) == []


def test_no_column_is_for_secrets() -> None:
    names = [f"{table.name}.{column.name}" for table in metadata.tables.values() for column in table.columns]
    assert [name for name in names if any(word in name for word in FORBIDDEN)] == []


def test_what_was_stored_is_there_when_it_is_opened_again(url: str) -> None:
    first = Database(url)
    with first.writing() as connection:
        annotation_rows.keep(connection, "1.5", annotation(1, 5))
    first.close()
    second = Database(url)
    with second.reading() as connection:
        assert annotation_rows.annotations(connection, "1.5") == (annotation(1, 5),)
    second.close()


def test_many_may_open_a_new_database_at_once(url: str) -> None:
    together, opened = threading.Barrier(8), []

    def work() -> None:
        together.wait()
        opened.append(Database(url))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    for one in opened:
        one.close()


def test_a_transaction_that_fails_leaves_nothing(database: Database, project: str) -> None:
    with pytest.raises(RuntimeError, match="ours"):
        _fail_halfway(database, project)
    with database.reading() as connection:
        assert annotation_rows.annotations(connection, project) == ()


def _fail_halfway(database: Database, project: str) -> None:
    with database.writing() as connection:
        annotation_rows.keep(connection, project, annotation(1, 5))
        raise RuntimeError("ours")


def test_a_reader_sees_one_moment(database: Database, project: str) -> None:
    with database.reading() as reader:
        before = annotation_rows.basis(reader, project)
        with database.writing() as writer:
            annotation_rows.keep(writer, project, annotation(1, 5))
        assert annotation_rows.basis(reader, project) == before
        assert annotation_rows.annotations(reader, project) == ()


def test_a_database_that_did_not_answer_is_left_alone_for_a_while(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.make()
    opened = Database(url, patience=0.5)
    sparing, other = opened.sparing(), opened.sparing()
    postgres.drop(url)
    for _ in range(2):
        with pytest.raises(Unavailable, match="was lost"), sparing.reading():
            pass
    assert (sparing.left_alone, other.left_alone, opened.left_alone) == (True, False, False)
    monkeypatch.setattr(database_module, "REST", 0.0)
    brief = opened.sparing()
    with pytest.raises(Unavailable), brief.reading():
        pass
    assert not brief.left_alone
    opened.close()


def test_a_mistake_of_ours_is_no_failure_of_the_database(database: Database, project: str) -> None:
    row = {"project": project, "id": 1}
    with pytest.raises(IntegrityError) as caught, database.writing() as connection:
        connection.execute(annotations.insert().values(row))
    assert "parameters hidden" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no database URL"),
        ("anyword.db", "no database URL"),
        ("postgresql://anna:hunter2@host:port/name", "no database URL"),
        ("mysql://anna:hunter2@host/name", "'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////nowhere/at/all/anyword.db", "folder has to be there"),
        ("postgresql://anna:hunter2@127.0.0.1:1/name", "name on 127.0.0.1 was lost"),
    ],
)
def test_what_cannot_be_opened_is_said_without_the_password(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        Database(url)
    assert str(caught.value).startswith("ANYWORD_DATABASE")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    with pytest.raises(Misconfigured, match="is no SQLite database"):
        Database(f"sqlite:///{tmp_path}/notes.txt")
    assert (tmp_path / "notes.txt").read_text().startswith("not a database")


def test_a_database_that_is_not_there_is_named(postgres: Postgres) -> None:
    with pytest.raises(Misconfigured, match='"unknown" does not exist'):
        Database(f"postgresql+psycopg://anyword@127.0.0.1:{postgres.port}/unknown")


def test_the_database_of_a_newer_version_is_refused(url: str) -> None:
    first = Database(url)
    with first.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    first.close()
    with pytest.raises(Misconfigured, match="made by a newer version"):
        Database(url)


def test_other_peoples_tables_are_left_alone(database: Database) -> None:
    with database.reading() as connection:
        names = inspect(connection).get_table_names()
    assert names
    assert all(name.startswith("anyword_") for name in names)


def test_a_correction_of_1024_pixels_takes_less_than_20_kilobytes(tmp_path: Path) -> None:
    path = tmp_path / "anyword.db"
    database = Database(f"sqlite:///{path}")
    told = [_drawn(seed, id) for id, seed in enumerate([HELD_OUT, HELD_OUT + 1, HELD_OUT + 2] * 3, start=1)]
    with database.writing() as connection:
        replace_all(connection, "1.5", told, moment(10))
        drawn = [one for annotation in told for one in annotation.corrections]
        offered = [Offer(f"r{number}", "1", "Star", "glorp", one.mask, "v1") for number, one in enumerate(drawn)]
        offers.offer(connection, "1.5", offered)
    database.close()
    assert path.stat().st_size / len(drawn) < 20_000


def _drawn(seed: int, id: int) -> Annotation:
    """The objects of a scene, with a border drawn by a hand that trembles: each pixel near it is moved by up to two."""
    masks = [_trembling(np.random.default_rng([id, number]), thing.mask) for number, thing in enumerate(_things(seed))]
    corrections = tuple(Correction(f"{id}-{number}", "Star", pack(mask)) for number, mask in enumerate(masks))
    return Annotation(id, id, "/data/1.png", "7", moment(id), corrections=corrections)


@cache
def _things(seed: int) -> tuple[Thing, ...]:
    return draw(seed, 1024).objects


def _trembling(hand: np.random.Generator, mask: Mask) -> Mask:
    y, x = (hand.integers(-2, 3, mask.shape) + axis for axis in np.indices(mask.shape))
    return np.asarray(mask[y.clip(0, mask.shape[0] - 1), x.clip(0, mask.shape[1] - 1)])

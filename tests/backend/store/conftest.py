"""Every test of the store runs on SQLite and on PostgreSQL."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.store.database import Database
from tests.postgres import Postgres

KEYS = (f"{number}.1700000000" for number in itertools.count(1))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Of an empty database for one test."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/anyword.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    made = server.make()
    yield made
    server.drop(made)


@pytest.fixture(scope="session")
def database(kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database that tests share: each works on a project of its own."""
    if kind == "sqlite":
        opened = Database(f"sqlite:///{tmp_path_factory.mktemp('store')}/anyword.db")
    else:
        opened = Database(request.getfixturevalue("postgres").make())
    yield opened
    opened.close()


@pytest.fixture
def project() -> str:
    """The key of a project that nobody else uses."""
    return next(KEYS)

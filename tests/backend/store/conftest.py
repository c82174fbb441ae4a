"""Every test of the store runs on SQLite and on PostgreSQL."""

import itertools
from collections.abc import Iterator

import pytest

from backend.store.database import Database

KEYS = (f"{number}.1700000000" for number in itertools.count(1))


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

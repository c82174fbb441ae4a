"""Settings of the test run, and the database server that tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import Postgres, missing, running

settings.register_profile("no-deadline", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, started when a test asks for it first."""
    if reason := missing():
        pytest.skip(reason)
    with running() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Of databases: what asks for it runs on each."""
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

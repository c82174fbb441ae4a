"""Databases that the tests may break."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.studio import Studio, configured
from tests.postgres import Postgres


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "anyword.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, sqlite: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{sqlite}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    made = server.make()
    yield made
    server.drop(made)


@pytest.fixture
def studio() -> Studio:
    """A project with two labels that the small engine knows."""
    return Studio(configured(["red", "blue"]))

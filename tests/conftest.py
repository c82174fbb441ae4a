"""Settings of the test run, and the database server that tests share."""

from collections.abc import Iterator

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

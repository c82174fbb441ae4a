"""Web sites on loopback that the tests fetch pictures from."""

from collections.abc import Iterator

import pytest

from tests.backend.site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as started:
        yield started


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with serving() as started:
        yield started

"""Web sites on loopback that the tests fetch pictures from, and a folder for the databases of the apps under test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.server.app import close
from tests.backend.clients import OPEN
from tests.backend.site import Site, serving


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The settings' own database is a file in the working folder: each module has one of its own."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("apps"))
    with closing_apps():
        yield
    os.chdir(before)


@pytest.fixture(autouse=True)
def apps() -> Iterator[None]:
    """Apps end with the test that opened them: threads of theirs would learn, and log, in the midst of others."""
    with closing_apps():
        yield


@contextmanager
def closing_apps() -> Iterator[None]:
    before = len(OPEN)
    yield
    while len(OPEN) > before:
        close(OPEN.pop())


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as started:
        yield started


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with serving() as started:
        yield started

"""A database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/anyword.db", patience=0.2)
    yield opened
    opened.close()

"""Databases that the tests may break."""

from pathlib import Path

import pytest

from tests.faults.studio import Studio, configured


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spooled events lie in the working folder: a server that is started in the repository would read them."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "anyword.sqlite"


@pytest.fixture
def studio() -> Studio:
    """A project with two labels that the small engine knows."""
    return Studio(configured(["red", "blue"]))

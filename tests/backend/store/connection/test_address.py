"""ANYWORD_DATABASE, read before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.store.connection.address import file_of, parsed, served
from model.errors import Misconfigured


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("anyword.db", "no database URL"),
        ("mysql://anna:hunter2@host/name", "'mysql'"),
        ("sqlite:///a%00b", "zero byte"),
        ("sqlite:////data/x.db?timeout=9", "options after '\\?'"),
        ("sqlite:////data/x.db?nonsense=1", "options after '\\?'"),
    ],
)
def test_what_names_no_database_is_refused(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=f"ANYWORD_DATABASE .*{said}"):
        parsed(url)


def test_an_address_of_sqlites_own_is_for_readers_alone() -> None:
    url = "sqlite:///file:/data/x.db?mode=ro&uri=true"
    assert file_of(parsed(url)) is None
    with pytest.raises(Misconfigured, match="address of SQLite's own"):
        served(url)


@pytest.mark.parametrize("file", ["x" * 5000, "file/x.db"])
def test_a_file_that_cannot_be_looked_at_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"cannot be opened: (File name too long|Not a directory)"):
        served(f"sqlite:///{tmp_path}/{file}")


def test_a_file_that_the_first_start_makes_is_taken(tmp_path: Path) -> None:
    assert file_of(served(f"sqlite:///{tmp_path}/x.db")) == tmp_path / "x.db"

"""Files that change between the look at them and the reading."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.pictures.local_files import local_file
from model.errors import BadImage


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def grown(path: Path) -> None:
    path.write_bytes(bytes(11))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [(linked, "cannot be read"), (Path.unlink, "cannot be read"), (grown, "is larger than 1e-05 MB")],
)
def test_what_took_a_files_place_is_not_read(tmp_path: Path, changed: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"0123456789")
    file = local_file(path, str(tmp_path), 10)
    changed(path)
    with pytest.raises(BadImage, match=f"image: a.png {reason}"):
        file.read()


def test_a_pipe_that_took_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"0123456789")
    file = local_file(path, str(tmp_path), 10)
    piped(path)
    assert file.read() == b""

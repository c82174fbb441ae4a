"""The script that pins images, with a `docker` that makes digests up: no registry is asked here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docker.files import FOLDER

FILES = ("compose.yaml", "Dockerfile", "label-studio-ml/Dockerfile")
DIGEST = "sha256:" + "0" * 63
IMAGE = re.compile(r"(?:^FROM|^ +image:) ([^\s@]+:[^\s@]+)(?:@(\S+))?", re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "docker"
    shutil.copytree(FOLDER, copy)
    return copy


def pin(folder: Path, number: int, fails: str = "nothing") -> int:
    """Run the script where each tag's digest ends with this number, and where one image is not to be had."""
    docker = folder.parent / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(f"#!/bin/sh\ncase $4 in {fails}*) exit 1;; *@*) exit 2;; esac\necho {DIGEST}{number}\n")
    docker.chmod(0o755)
    environ = {**os.environ, "PATH": f"{docker.parent}:{os.environ['PATH']}"}
    return subprocess.run(["sh", str(folder / "pin.sh")], env=environ, check=False).returncode


def images(folder: Path) -> dict[str, str]:
    """The images of all files, each with its digest."""
    return dict(pair for name in FILES for pair in IMAGE.findall((folder / name).read_text()))


def test_each_image_that_is_not_built_here_gets_its_digest(folder: Path) -> None:
    before = {name: (folder / name).read_text() for name in FILES}
    assert pin(folder, 1) == 0
    found = images(folder)
    assert {image for image, digest in found.items() if not digest} == {"anyword:cpu", "anyword:cuda"}
    assert {digest for digest in found.values() if digest} == {f"{DIGEST}1"}
    assert {image.partition(":")[0] for image in found} >= {"python", "postgres", "caddy", "heartexlabs/label-studio"}
    assert {name: (folder / name).read_text().replace(f"@{DIGEST}1", "") for name in FILES} == before


def test_a_second_run_follows_the_tags(folder: Path) -> None:
    assert [pin(folder, number) for number in (1, 2)] == [0, 0]
    assert {digest for digest in images(folder).values() if digest} == {f"{DIGEST}2"}


def test_nothing_changes_where_one_image_is_not_to_be_had(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert pin(folder, 1, fails="python") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

"""Large files are told apart by samples, and at once."""

import os
from pathlib import Path

import pytest

from model.runtime import checkpoint_identity as sampling
from model.runtime.checkpoint_identity import SAMPLE, SAMPLES, WHOLE, identity


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 5 GB without a byte on the disk."""
    file = tmp_path / "sam_vit_h.pth"
    file.touch()
    os.truncate(file, 5_000_000_000)
    return file


def write(file: Path, at: int, content: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        stream.write(content)


@pytest.mark.parametrize("at", [0, 5_000_000_000 - 1, (5_000_000_000 - SAMPLE) // (SAMPLES - 1)])
def test_a_large_file_counts_at_its_samples(large: Path, at: int) -> None:
    before = identity("segmenter", large)
    write(large, at, b"\1")
    assert identity("segmenter", large) != before


def test_a_large_file_is_read_in_parts(large: Path) -> None:
    assert sum(len(piece) for piece in sampling._pieces(large)) == SAMPLES * SAMPLE


def test_weights_that_were_trained_on_differ(tmp_path: Path) -> None:
    file = tmp_path / "one.pth"
    file.write_bytes(bytes(WHOLE) + bytes(2**20))
    before = identity("segmenter", file)
    for at in range(0, WHOLE, 4096):
        write(file, at, b"\1")
    assert identity("segmenter", file) != before


def test_the_size_counts(large: Path) -> None:
    before = identity("segmenter", large)
    os.truncate(large, 5_000_000_001)
    assert identity("segmenter", large) != before


def test_a_small_file_counts_to_the_last_byte(tmp_path: Path) -> None:
    file = tmp_path / "one.pth"
    file.write_bytes(bytes(1000))
    before = identity("segmenter", file)
    write(file, 617, b"\1")
    assert identity("segmenter", file) != before


def test_a_folder_without_a_model_has_none(tmp_path: Path) -> None:
    assert identity("segmenter", tmp_path) == identity("segmenter", tmp_path / "nowhere") == ""

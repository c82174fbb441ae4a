"""Memory for a picture stays below what docs/operations.md states, whatever its sides and its file's format."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.pictures.decoding import LONGEST_SIDE, decode
from model.errors import BadImage
from tests.backend.pictures.corners import KINDS, png
from tests.model.memory import measured

ROOT = Path(__file__).parents[3]
# Bytes a pixel, docs/operations.md: three of the picture, and what decoding and drawing take beside them.
MOST, MOST_BY_FORMAT = 3 + 8, {"webp": 3 + 15, "deep": 3 + 18}
SHARP = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}  # what is freed is given back at once


def grown(corners: list[str]) -> dict[str, tuple[float, int]]:
    """Bytes a pixel and masks of the picture's size, from a process of their own."""
    command = [sys.executable, "-m", "tests.backend.pictures.corners", *corners]
    told = subprocess.run(command, cwd=ROOT, env=os.environ | SHARP, capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in told.splitlines()]
    assert [corner for corner, *_ in lines] == corners
    return {corner: (float(most), int(masks)) for corner, most, masks in lines}


@measured
def test_memory_grows_with_the_pixels_and_not_with_a_side() -> None:
    sizes = ["1x65535", "65535x1", "10000x125", "65535x122", "122x65535", "2800x2800"]
    found = grown([f"click:{size}" for size in sizes])
    assert {corner: most for corner, (most, _) in found.items() if most > MOST} == {}
    assert {masks for _, masks in found.values()} == {1}


@measured
@pytest.mark.parametrize("kind", ["png:65535x61", "png:61x65535", *(f"{kind}:2000x2000" for kind in KINDS)])
def test_decoding_stays_within_what_is_stated(kinds: dict[str, tuple[float, int]], kind: str) -> None:
    assert 0 < kinds[kind][0] <= MOST_BY_FORMAT.get(kind.partition(":")[0], MOST)


@pytest.fixture(scope="module")
def kinds() -> dict[str, tuple[float, int]]:
    return grown(["png:65535x61", "png:61x65535", *(f"{kind}:2000x2000" for kind in KINDS)])


@pytest.mark.parametrize("size", [(LONGEST_SIDE + 1, 1), (1, 1_000_000)])
def test_a_side_that_the_editor_cannot_draw_on_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadImage, match=f"{size[0]} x {size[1]} pixels: no side may be longer than 65535"):
        decode(png(*size), 100_000_000)

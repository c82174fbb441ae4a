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
DECODED = ("png:65535x61", "png:61x65535", *(f"{kind}:1500x1500" for kind in KINDS))
CLICKED = tuple(f"click:{size}" for size in ("1x65535", "65535x1", "10000x125", "65535x61", "61x65535", "2000x2000"))

Grown = dict[str, tuple[float, int]]


@pytest.fixture(scope="module")
def grown() -> Grown:
    """Bytes a pixel, and masks of the picture's size, of each corner, from one process for all of them."""
    command = [sys.executable, "-m", "tests.backend.pictures.corners", *DECODED, *CLICKED]
    told = subprocess.run(command, cwd=ROOT, env=os.environ | SHARP, capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in told.splitlines()]
    return {corner: (float(most), int(masks)) for corner, most, masks in lines}


@measured
@pytest.mark.parametrize("corner", DECODED)
def test_decoding_stays_within_what_is_stated(grown: Grown, corner: str) -> None:
    assert 0 < grown[corner][0] <= MOST_BY_FORMAT.get(corner.partition(":")[0], MOST)


@measured
@pytest.mark.parametrize("corner", CLICKED)
def test_an_answer_stays_within_what_is_stated_whatever_the_sides(grown: Grown, corner: str) -> None:
    most, masks = grown[corner]
    assert (most <= MOST, masks) == (True, 1)


@pytest.mark.parametrize("size", [(LONGEST_SIDE + 1, 1), (1, 1_000_000)])
def test_a_side_that_the_editor_cannot_draw_on_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadImage, match=f"{size[0]} x {size[1]} pixels: no side may be longer than 65535"):
        decode(png(*size), 100_000_000)

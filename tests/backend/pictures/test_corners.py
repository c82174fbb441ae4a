"""Memory for a picture stays below what docs/operations.md states, whatever its sides."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.pictures.decoding import LONGEST_SIDE, decode
from model.errors import BadImage
from tests.backend.pictures.corners import picture
from tests.model.memory import measured

ROOT = Path(__file__).parents[3]
MOST = 15  # bytes a pixel, docs/operations.md
SIZES = ("1x65535", "65535x1", "10000x125", "2113x24", "65535x366", "5000x5000")


@measured
def test_memory_grows_with_the_pixels_and_not_with_a_side() -> None:
    command = [sys.executable, "-m", "tests.backend.pictures.corners", *SIZES]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in told.splitlines()]
    assert [size for size, *_ in lines] == list(SIZES)
    assert [(size, grown) for size, grown, _ in lines if float(grown) > MOST] == []
    assert {masks for *_, masks in lines} == {"1"}


@pytest.mark.parametrize("size", [(LONGEST_SIDE + 1, 1), (1, 1_000_000)])
def test_a_side_that_browsers_do_not_show_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadImage, match=f"{size[0]} x {size[1]} pixels: no side may be longer than 65535"):
        decode(picture(*size), 100_000_000)

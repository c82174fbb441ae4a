"""One page for people: the figures, how IoU is spread, and answers with their pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image as Pictures

from model.evaluation.report.gallery import GalleryEntry
from model.evaluation.tables.summary import Figure
from model.types import Image

TEMPLATE = Path(__file__).parent / "report.html"
SIDE = 232  # pixels of a picture's longer side
COLOURS = 192  # of a picture's palette: a page of a hundred pictures stays at a few megabytes


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What the page says: how it was measured, the figures, every answer's IoU, and groups of answers to look at."""

    title: str
    facts: Mapping[str, str]
    figures: Sequence[Figure]
    ious: Sequence[float]
    groups: Mapping[str, Sequence[GalleryEntry]]


def write(path: Path, page: Page) -> None:
    """Write a page that needs no other file."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["uri"] = uri
    bars = np.histogram(page.ious, bins=10, range=(0, 1))[0].tolist()
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    path.write_text(template.render(page=page, bars=bars, tallest=max([1, *bars])), encoding="utf-8")


def uri(image: Image) -> str:
    """A small PNG of an image (H, W, 3) as a data URI."""
    picture = Pictures.fromarray(image)
    picture.thumbnail((SIDE, SIDE), Pictures.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # the largest spread of colours, not the most frequent: a small point keeps its own
    picture.quantize(COLOURS, Pictures.Quantize.MAXCOVERAGE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

"""The labelling configs that people copy: on the page, in the samples and in the tests they are these files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
LABELS = re.compile(r"(?:<Label [^>]*/>\s*)+")


@dataclass(frozen=True, slots=True)
class ConfigExample:
    """A labelling config to copy: what it is called, when to take it, and its XML."""

    title: str
    purpose: str
    xml: str


def labelled(xml: str, labels: str) -> str:
    """A labelling config with these <Label/> elements in place of its own."""
    return LABELS.sub(lambda _: labels, xml)


def _example(file: str, title: str, purpose: str) -> ConfigExample:
    return ConfigExample(title, purpose, (FOLDER / file).read_text(encoding="utf-8"))


BITMASK = _example(
    "bitmask.xml",
    "Bitmask",
    "The one to start with: text, points and boxes, and the label stays selected. Large pictures stay quick.",
)
BRUSH = _example(
    "brush.xml",
    "Brush",
    "The same with brush masks, which the PNG, NumPy and COCO exports need. For pictures of up to two megapixels.",
)
BRUSH_LABELS = _example(
    "brushlabels.xml",
    "BrushLabels",
    "The classic one, for projects that have BrushLabels already: every tool has labels of its own.",
)
REGION_TEXT = _example(
    "region_text.xml",
    "Text in a box",
    "Draw a box, then type what to look for inside it: text and box arrive together.",
)
EXAMPLES = (BITMASK, BRUSH, BRUSH_LABELS, REGION_TEXT)

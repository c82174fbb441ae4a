"""Configs A to D as the page offers them, with the shapes of the scenes as labels, in colours far from each other."""

from __future__ import annotations

from collections.abc import Mapping

from backend.labelstudio.configs import BITMASK, BRUSH, BRUSH_LABELS, REGION_TEXT, labelled

Colour = tuple[int, int, int]

COLOURS: Mapping[str, Colour] = {
    "Circle": (0, 255, 255),
    "Square": (255, 0, 255),
    "Triangle": (0, 0, 255),
    "Star": (0, 255, 0),
    "Ring": (255, 128, 0),
    "Cross": (128, 0, 255),
    "Heart": (0, 128, 255),
}
LABELS = "".join(f'<Label value="{label}" background="#{bytes(colour).hex()}"/>' for label, colour in COLOURS.items())
CONFIGS: Mapping[str, str] = {
    name: labelled(example.xml, LABELS)
    for name, example in {"A": BITMASK, "B": BRUSH, "C": BRUSH_LABELS, "D": REGION_TEXT}.items()
}

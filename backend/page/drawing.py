"""The pictures of one request: what was pointed at, where each phrase was seen, and the masks of the answer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pictures

from backend.page.thumbnail import HIGHEST, Thumbnail
from model.types import Image

BLEND = 0.65  # share of a map's colours over the picture


@dataclass(frozen=True, slots=True)
class RequestPanel:
    """One picture of a request: its name in the address, and what it shows."""

    name: str
    title: str


def panels(sketch: Thumbnail) -> Iterator[RequestPanel]:
    """All pictures of a request, in the order in which things happened."""
    pointed = bool(sketch.prompts)
    yield RequestPanel("asked", "points and boxes" if pointed else "picture")
    for number, each in enumerate(sketch.maps):
        yield RequestPanel(f"map-{number}", each.title)
    if sketch.masks:
        more = f", {sketch.left_out} more not shown" if sketch.left_out else ""
        yield RequestPanel("answer", f"answer{more}")


def draw(sketch: Thumbnail, name: str) -> bytes:
    """The picture called `name` as a PNG file. Raises KeyError where a request has no such picture."""
    if name not in [panel.name for panel in panels(sketch)]:
        raise KeyError(name)
    stream = io.BytesIO()
    Pictures.fromarray(_drawn(sketch, name)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _drawn(sketch: Thumbnail, name: str) -> Image:
    from model.visualize import heat, marked, overlay  # OpenCV comes with it: a tenth of a second

    picture = np.array(Pictures.open(io.BytesIO(sketch.picture)).convert("RGB"))
    if name == "asked":
        return marked(picture, sketch.prompts) if sketch.prompts else picture
    if name == "answer":
        return overlay(picture, [sketch.mask(number) for number in range(len(sketch.masks))])
    scores = (sketch.maps[int(name.removeprefix("map-"))].scores / HIGHEST).astype(np.float32)
    colours = heat(scores, sketch.size)
    return np.asarray(BLEND * colours + (1 - BLEND) * picture, np.uint8)

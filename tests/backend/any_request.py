"""Requests about pictures of any size and format, with any prompts that an editor can send, for hypothesis to draw."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from hypothesis import strategies as st
from PIL import Image as Pictures

from backend.labelstudio import brush_rle
from model.types import Image

LONGEST = 6000  # pixels of a side
ORIENTATION, SIDEWAYS = 0x0112, 5  # EXIF's tag, and the first of its values that swap height and width
FORMATS = [
    *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
    ("WEBP", "RGB"), ("WEBP", "RGBA"), ("GIF", "P"), ("BMP", "RGB"),
]  # fmt: skip
TAGS = ("Brush", "BrushLabels", "Bitmask", "BitmaskLabels")
TEXTS = ("the red circle", "blue", "a star; the green square", "everything", "the dog on the left", "2 rings")
LABELS = '<Label value="Red thing" predicted_values="red circle"/><Label value="Square" alias="square"/>'


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as a data URI, and its (H, W) as a browser shows it."""

    url: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one annotator asks about one picture, in turn: contexts; None asks for a pre-annotation."""

    photo: Photo
    tag: str
    contexts: tuple[dict[str, Any] | None, ...]
    kind: str

    @property
    def config(self) -> str:
        """The labelling config: a control of the mask's kind, and every prompt."""
        own = self.tag.endswith("Labels")
        return f"""<View>{"" if own else f'<Labels name="label" toName="image">{LABELS}</Labels>'}
          <Image name="image" value="$image"/>
          <KeyPoint name="point" toName="image" smart="true"/><Rectangle name="box" toName="image" smart="true"/>
          <Brush name="scribble" toName="image" smart="true"/><Vector name="line" toName="image" smart="true"/>
          <Polygon name="outline" toName="image" smart="true"/><TextArea name="prompt" toName="image"/>
          <TextArea name="status" toName="image" editable="false" smart="false"/>
          <{self.tag} name="mask" toName="image" smart="false">{LABELS if own else ""}</{self.tag}></View>"""


# Pictures


def _logarithmic(longest: float) -> st.SearchStrategy[int]:
    """Lengths from one pixel on: of 6,000 at most, half are below 80. Of floats, hypothesis would draw mostly zeros."""
    return st.integers(0, 1000).map(lambda share: max(1, round(longest ** (share / 1000))))


@st.composite
def photos(draw: st.DrawFn, most_pixels: int) -> Photo:
    """Things on a noisy ground, bright or dark, in a format that is served, turned by EXIF where JPEG may be."""
    long_side = draw(_logarithmic(LONGEST))
    sides = (long_side, draw(_logarithmic(max(1, min(LONGEST, most_pixels / long_side)))))
    height, width = draw(st.sampled_from([sides, sides[::-1]]))
    kind, mode = draw(st.sampled_from(FORMATS))
    pixels = _scene(draw(st.integers(0, 99)), height, width, draw(st.sampled_from([1.0, 1.0, 0.1])))
    orientation = draw(st.integers(1, 8)) if kind == "JPEG" else 1
    shown = (height, width) if orientation < SIDEWAYS else (width, height)
    return Photo(_written(pixels, kind, mode, orientation), shown)


def _scene(seed: int, height: int, width: int, brightness: float) -> Image:
    rng = np.random.default_rng(seed)
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = rng.integers(40, 220, 3)
    for _ in range(int(rng.integers(0, 6))):
        middle = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = tuple(
            int(side * share) + 1 for side, share in zip((width, height), rng.uniform(0.02, 0.4, 2), strict=True)
        )
        cv2.ellipse(canvas, middle, axes, float(rng.uniform(0, 180)), 0, 360, rng.integers(0, 256, 3).tolist(), -1)
    noise = rng.integers(0, 8, (min(height, 64), min(width, 64), 3), np.uint8)
    noisy = canvas[: noise.shape[0], : noise.shape[1]]
    np.maximum(noisy, noise, out=noisy)
    return (canvas * brightness).astype(np.uint8)


def _written(pixels: Image, kind: str, mode: str, orientation: int) -> str:
    picture, stream, exif = Pictures.fromarray(pixels), io.BytesIO(), Pictures.Exif()
    exif[ORIENTATION] = orientation
    if mode == "I;16":
        picture = Pictures.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    turned = {"exif": exif} if kind == "JPEG" else {}
    picture.convert(mode).save(stream, kind, **turned)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(stream.getvalue()).decode()


# Prompts

percents = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)
names = st.uuids().map(str)


def _item(draw: st.DrawFn, control: str, kind: str, value: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    head = {"id": draw(names), "from_name": control, "to_name": "image", "type": kind, "image_rotation": 0}
    shown = {"original_height": size[0], "original_width": size[1]}
    return {**head, **shown, "is_positive": draw(st.sampled_from([True] * 5 + [False])), "value": value}


@st.composite
def points(draw: st.DrawFn, size: tuple[int, int]) -> dict[str, Any]:
    """A click, with or without Alt."""
    return _item(draw, "point", "keypoint", {"x": draw(percents), "y": draw(percents), "width": 0.3}, size)


@st.composite
def boxes(draw: st.DrawFn, size: tuple[int, int]) -> dict[str, Any]:
    """A box from any corner to any other, turned or not; some are smaller than a pixel."""
    x, y, right, bottom = (draw(percents) for _ in range(4))
    turn = draw(st.sampled_from([0, 0, 0, 30, 90, 275.5]))
    value = {"x": x, "y": y, "width": right - x, "height": bottom - y, "rotation": turn}
    return _item(draw, "box", "rectangle", value, size)


@st.composite
def lines(draw: st.DrawFn, size: tuple[int, int]) -> dict[str, Any]:
    """An open or closed line, which may cross itself."""
    corners = draw(st.lists(st.tuples(percents, percents), min_size=2, max_size=6))
    if draw(st.booleans()):
        return _item(draw, "outline", "polygon", {"points": [list(corner) for corner in corners]}, size)
    vertices = [{"x": x, "y": y} for x, y in corners]
    return _item(draw, "line", "vector", {"vertices": vertices, "closed": draw(st.booleans())}, size)


@st.composite
def scribbles(draw: st.DrawFn, size: tuple[int, int]) -> dict[str, Any]:
    """A rectangle that a brush painted."""
    (top, bottom), (left, right) = (sorted(draw(st.integers(0, side - 1)) for _ in range(2)) for side in size)
    mask = np.zeros(size, np.bool_)
    mask[top : bottom + 1, left : right + 1] = True
    return _item(draw, "scribble", "brush", {"format": "rle", "rle": brush_rle.encode(mask)}, size)


@st.composite
def texts(draw: st.DrawFn) -> dict[str, Any]:
    """A text, of which the editor says neither size nor sign."""
    value = {"text": [draw(st.sampled_from(TEXTS))]}
    return {"id": draw(names), "from_name": "prompt", "to_name": "image", "type": "textarea", "value": value}


SHAPES = {"points": points, "boxes": boxes, "lines": lines, "scribbles": scribbles}
KINDS = [*SHAPES] * 3 + ["together", "corrected", "text", "text and shapes", "pre-annotation"]


@st.composite
def asked(draw: st.DrawFn, most_pixels: int) -> Asked:
    """A picture, a control for masks, and one request or two."""
    photo, kind = draw(photos(most_pixels)), draw(st.sampled_from(KINDS))
    return Asked(photo, draw(st.sampled_from(TAGS)), tuple(_contexts(draw, kind, photo.size)), kind)


def _contexts(draw: st.DrawFn, kind: str, size: tuple[int, int]) -> Sequence[dict[str, Any] | None]:
    if kind == "pre-annotation":
        return [None]
    if kind in SHAPES:
        return [_result(draw(st.lists(SHAPES[kind](size), min_size=1, max_size=3)))]
    any_shape = st.one_of(*(shape(size) for shape in SHAPES.values()))
    shapes = draw(st.lists(any_shape, min_size=1, max_size=4))
    if kind == "corrected":  # the same prompts once more, with a click; the object is the same one
        return [_result(shapes), _result([*shapes, draw(points(size))])]
    return [
        _result(
            [*shapes, draw(texts())] if kind == "text and shapes" else [draw(texts())] if kind == "text" else shapes
        )
    ]


def _result(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"result": list(items)}

"""A small copy of what a request was about, cheap to make while somebody waits; it is drawn when somebody looks."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from model.geometry import bounds
from model.types import Answer, Finding, Hint, Image, Mask, MaskPrompt, Point

SIDE = 320  # pixels of the longer side
QUALITY = 80
MOST_MASKS, MOST_MAPS, MOST_POINTS = 12, 6, 200
HIGHEST = 255


@dataclass(frozen=True, slots=True, eq=False)
class ThumbnailMap:
    """Where a phrase was seen, and what to call that: scores (g, g), 255 where it is surest."""

    title: str
    scores: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """What it takes to draw a request, at a size (H, W) of at most 320 pixels.

    `picture` is a JPEG; `prompts` are the points and boxes that were drawn, in pixels of the small picture; `masks` are
    the rows of each mask as packed bits; `left_out` counts the masks beyond the first twelve.
    """

    size: tuple[int, int]
    picture: bytes
    prompts: tuple[MaskPrompt, ...]
    maps: tuple[ThumbnailMap, ...]
    masks: tuple[NDArray[np.uint8], ...]
    left_out: int = 0

    @property
    def bytes(self) -> int:
        """How much memory this takes, about."""
        arrays = [each.scores for each in self.maps] + [*self.masks] + [each.point_coords for each in self.prompts]
        return len(self.picture) + sum(array.nbytes for array in arrays)

    def mask(self, number: int) -> Mask:
        """A mask (h, w) at the size of the small picture."""
        return np.unpackbits(self.masks[number], axis=1, count=self.size[1]).astype(np.bool_)


def sketch_of(image: Image, hints: Sequence[Hint], answer: Answer) -> Thumbnail:
    """A sketch of a picture (H, W, 3), what was pointed at, and the answer."""
    small = _small(image)
    size = (small.height, small.width)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=QUALITY)
    return Thumbnail(
        size,
        stream.getvalue(),
        tuple(_prompt(hint, (image.shape[0], image.shape[1]), size) for hint in hints),
        tuple(each for finding in answer.findings[:MOST_MAPS] for each in _maps(finding)),
        tuple(_packed(segment.mask, size) for segment in answer.segments[:MOST_MASKS]),
        max(0, len(answer.segments) - MOST_MASKS),
    )


def _small(image: Image) -> Pictures.Image:
    """Every n-th pixel first: averaging over all of a large picture would take longer than answering a click."""
    step = ceil(max(image.shape) / (2 * SIDE))
    picture = Pictures.fromarray(np.ascontiguousarray(image[::step, ::step]))
    return picture.reduce(2) if max(picture.size) > SIDE else picture


def _prompt(hint: Hint, size: tuple[int, int], small: tuple[int, int]) -> MaskPrompt:
    """A hint as SAM sees it: a turned box by its extent, a line by its corners."""
    drawn = [Point(x, y, stroke.positive) for stroke in hint.strokes for x, y in stroke.corners]
    points = [*hint.points, *drawn][:MOST_POINTS]
    scale = np.array((small[1] / size[1], small[0] / size[0]), np.float32)
    coords = np.array([(point.x, point.y) for point in points], np.float32).reshape(-1, 2) * scale
    box = None if hint.box is None else bounds(hint.box, size) * np.tile(scale, 2)
    return MaskPrompt(coords, np.array([point.positive for point in points], np.int64), box)


def _maps(finding: Finding) -> Iterator[ThumbnailMap]:
    """A phrase's attention, where it is told, and what refinement made of it."""
    if finding.attended is not None:
        yield ThumbnailMap(f"{finding.phrase.text}: attention", _bytes(finding.attended))
    verdict = "refined" if finding.present else "refined, not found"
    yield ThumbnailMap(f"{finding.phrase.text}: {verdict}", _bytes(finding.scores))


def _bytes(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (HIGHEST * scores.clip(0, 1)).astype(np.uint8)


def _packed(mask: Mask, size: tuple[int, int]) -> NDArray[np.uint8]:
    rows, columns = (
        ((np.arange(small) + 0.5) * large / small).astype(int) for small, large in zip(size, mask.shape, strict=True)
    )
    return np.packbits(mask.take(rows, axis=0).take(columns, axis=1), axis=1)

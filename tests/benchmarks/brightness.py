"""How dark, foggy and flat pictures are answered: `python -m tests.benchmarks.brightness`.

Each row darkens or flattens the same scenes, asks for one object of each by its name and by a click, and counts right
answers and masks of nearly the whole picture. The exit status is 1 where a row falls short of its budget.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from backend.pictures.decoding import decode
from model.embedded import scenes
from model.embedded.scenes import HELD_OUT, TUNING, Scene, Thing
from model.engine import Engine
from model.evaluation.scenarios.photographs import photographs
from model.evaluation.scenarios.questions import SIZES, click
from model.evaluation.tables.quality_figures import union
from model.geometry import iou
from model.grounding.stretch import stretch_of
from model.loading import EnginePaths, load_engine
from model.types import Answer, Clause, Hint, Image, Mask, Query

REPORTED = HELD_OUT + 500_000  # seeds from here on make the table; nothing else is made of them
CHOSEN_ON = TUNING + 950_000  # and from here on, constants were chosen
SCENES = 16
RIGHT = 0.75  # IoU from which an answer is right
WHOLE = 0.95  # share of the picture from which a mask is nearly all of it
LEAST_SHARE = 0.01  # of the picture that the object of a question has
LEAST_TEXTS, LEAST_CLICKS = 12, 15  # right of 16, in the rows that have a budget
MOST_PIXELS = 1_000_000

Levels = NDArray[np.float32]  # (H, W, 3) in 0..255
Way = Callable[[Levels, np.random.Generator], Image]


def as_drawn(levels: Levels, _rng: np.random.Generator) -> Image:
    """The picture itself."""
    return _rounded(levels)


def dimmed(factor: float) -> Way:
    """The brightness divided by a factor."""
    return lambda levels, _rng: _rounded(levels / factor)


def flat(levels: Levels, _rng: np.random.Generator) -> Image:
    """A twentieth of the contrast, around the middle grey."""
    return _rounded(128 + (levels - 128) / 20)


def foggy(levels: Levels, _rng: np.random.Generator) -> Image:
    """White fog over all but 15 % of the contrast."""
    return _rounded(200 + 0.15 * levels)


def overexposed(levels: Levels, _rng: np.random.Generator) -> Image:
    """Nothing below 230."""
    return _rounded(230 + levels * 25 / 255)


def twelve_bits(levels: Levels, _rng: np.random.Generator) -> Image:
    """What 12-bit cameras write: 0 to 4095 in a PNG of 16 bits, read as the server reads it."""
    _, data = cv2.imencode(".png", (levels[..., ::-1] * 4095 / 255).astype(np.uint16))
    return decode(data.tobytes(), MOST_PIXELS).pixels


def one_dark_channel(levels: Levels, _rng: np.random.Generator) -> Image:
    """Red at a tenth, the other two as drawn: the picture's range is full."""
    return _rounded(levels * np.array((0.1, 1, 1), np.float32))


def noisy(levels: Levels, rng: np.random.Generator) -> Image:
    """A tenth of the brightness, with a sensor's noise of two levels."""
    return _rounded(levels / 10 + rng.normal(0, 2, levels.shape).astype(np.float32))


def compressed(levels: Levels, _rng: np.random.Generator) -> Image:
    """A tenth of the brightness as a JPEG of quality 75."""
    stream = io.BytesIO()
    Pictures.fromarray(_rounded(levels / 10)).save(stream, "JPEG", quality=75)
    return decode(stream.getvalue(), MOST_PIXELS).pixels


def with_logo(levels: Levels, rng: np.random.Generator) -> Image:
    """A tenth of the brightness, a white square of 1 % in a corner, and hot pixels."""
    image, side = dimmed(10)(levels, rng), round(0.1 * min(levels.shape[:2]))
    image[rng.random(image.shape[:2]) < 0.001] = 255
    image[-side:, -side:] = 255
    return image


def _rounded(levels: NDArray[np.floating]) -> Image:
    return levels.round().clip(0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to change pictures; `budgeted`: enough answers have to be right."""

    name: str
    way: Way
    budgeted: bool = False


ROWS = (
    Row("as drawn", as_drawn),
    Row("brightness / 2", dimmed(2)),
    Row("brightness / 4", dimmed(4)),
    Row("brightness / 10", dimmed(10), budgeted=True),
    Row("contrast / 20", flat, budgeted=True),
    Row("fog", foggy),
    Row("overexposed (230 to 255)", overexposed),
    Row("12 bits in 16", twelve_bits),
    Row("one channel / 10", one_dark_channel),
    Row("brightness / 10, noise", noisy),
    Row("brightness / 10, JPEG 75", compressed),
    Row("brightness / 10, logo and hot pixels", with_logo),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Of the answers about some pictures: how many are right, and how many masks are nearly the whole picture."""

    texts: int
    clicks: int
    whole: int


@dataclass(frozen=True, slots=True)
class Question:
    """A scene, and the object that is asked for: no other has its colour and shape."""

    scene: Scene
    thing: Thing

    @property
    def text(self) -> str:
        """The object's name."""
        return f"the {self.thing.kind.colour} {self.thing.kind.shape}"


def questions(first: int) -> Iterator[Question]:
    """The largest nameable object of each scene from a seed on, scenes without one left out."""
    for number in count():
        scene = scenes.draw(first + number, SIZES[number % len(SIZES)])
        names = [(each.kind.colour, each.kind.shape) for each in scene.objects]
        things = [each for each, name in zip(scene.objects, names, strict=True) if names.count(name) == 1]
        largest = max(things, key=lambda each: each.mask.mean(), default=None)
        if largest is not None and largest.mask.mean() >= LEAST_SHARE:
            yield Question(scene, largest)


def counted(engine: Engine, asked: Sequence[Question], way: Way) -> Counted:
    """The answers about scenes that are changed in one way."""
    texts, clicks, whole = 0, 0, 0
    for number, each in enumerate(asked):
        image = way(each.scene.image.astype(np.float32), np.random.default_rng(number))
        truth = each.thing.mask
        named = engine.segment(image, Query((Clause(each.text),)))
        pointed = engine.segment(image, Query(hints=(Hint((click(truth),)),)))
        texts += _is_right(named, truth)
        clicks += _is_right(pointed, truth)
        whole += sum(segment.mask.mean() > WHOLE for answer in (named, pointed) for segment in answer.segments)
    return Counted(texts, clicks, whole)


def _is_right(answer: Answer, truth: Mask) -> bool:
    return iou(union(answer, truth.shape), truth) >= RIGHT


def line(name: str, of: int, found: Counted) -> str:
    """A row of the table, in Markdown."""
    return f"| {name} | {found.texts} / {of} | {found.clicks} / {of} | {found.whole} |"


def main() -> int:
    """Print the table, and how many photographs are stretched."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--tuning", action="store_true", help="the scenes that constants were chosen on")
    parser.add_argument("--photographs", type=Path, default=Path("../shared/data/bsds500-val"))
    given = parser.parse_args()
    engine, missed = load_engine(EnginePaths()), 0
    asked = list(islice(questions(CHOSEN_ON if given.tuning else REPORTED), given.scenes))
    print("| picture | right by text | right by click | whole-picture masks |\n|---|---|---|---|")
    for row in ROWS:
        found = counted(engine, asked, row.way)
        print(line(row.name, len(asked), found), flush=True)
        kept = found.texts * SCENES >= LEAST_TEXTS * len(asked) and found.clicks * SCENES >= LEAST_CLICKS * len(asked)
        missed += row.budgeted and not kept
    if given.photographs.is_dir():
        stretched = [stretch_of(image) is not None for image, _ in photographs(given.photographs)]
        print(f"\n{sum(stretched)} of {len(stretched)} photographs are stretched")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

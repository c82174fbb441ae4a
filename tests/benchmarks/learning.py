"""What corrections teach, and what learning costs, beside their budgets: `python -m tests.benchmarks.learning`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.engine import Engine
from model.learning.learn import learn
from model.loading import EnginePaths, load_engine
from model.types import Lesson
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.lessons import CORRECTED, Held, Story, corrections, filled, held_out, noise, shape
from tests.benchmarks.school import costs
from tests.model.learning.pictures import Kept

PICTURES = 30  # that every score is a mean over
FEW, CURVE = (1, 2, 3), (5, 8, 12)  # corrections
NOISES = 3  # projects whose corrections are noise, for each of two labels
NOISY = 12  # corrections in each of them
APART = 20_000  # seeds between two projects

GLORP = Story({"glorp": shape("star")})
RING = Story({"ring": filled(shape("ring"))})
TARGET = Story({"target": shape("square", "blue")})
RIGHT = Story({name: shape(name) for name in ("circle", "square", "star")})


def main() -> int:
    """Measure, print the tables, and return 1 where a budget is exceeded."""
    engine = load_engine(EnginePaths())
    taught = [*_word(engine), *_ring(engine), *_target(engine), *_noise(engine), *_right(engine)]
    missed = show("Mean IoU over objects of held-out scenes", taught)
    with tempfile.TemporaryDirectory() as name:
        return max(missed, show("What learning costs, 1024 px pictures, embedded models", list(costs(Path(name)))))


def _word(engine: Engine) -> Iterator[Figure]:
    """A word that the model never saw, for stars."""
    held = held_out(GLORP, PICTURES)
    before = _mean(engine, held, {})
    yield Figure(f"'glorp' before, {_of(held)}", before, "IoU", 0.2)
    adoptions = sum(bool(_lessons(engine, GLORP, number)) for number in FEW)
    yield Figure(f"adoptions after {', '.join(map(str, FEW))} corrections", adoptions, "", 0)
    for number in CURVE:
        after = _mean(engine, held, _lessons(engine, GLORP, number))
        yield Figure(f"'glorp' after {number} corrections", after, "IoU", 0.75, least=True)


def _ring(engine: Engine) -> Iterator[Figure]:
    """Annotators who always fill the hole."""
    held = held_out(RING, PICTURES)
    before, after = _mean(engine, held, {}), _mean(engine, held, _lessons(engine, RING, 8))
    yield Figure(f"'ring' with its hole filled after 8, from {before:.2f}, {_of(held)}", after, "IoU", 0.8, least=True)


def _target(engine: Engine) -> Iterator[Figure]:
    """A label whose text is misleading, learned from masks alone and from masks that a text gave."""
    held = held_out(TARGET, PICTURES)
    before = _mean(engine, held, {})
    for told, phrase in {"drawn by hand": "", "that 'the blue square' gave": "the blue square"}.items():
        after = _mean(engine, held, _lessons(engine, replace(TARGET, phrase=phrase), 8))
        what = f"'target' after 8 masks {told}, from {before:.2f}, {_of(held)}"
        yield Figure(what, after, "IoU", 0.75, least=True)


def _noise(engine: Engine) -> Iterator[Figure]:
    """Corrections that have nothing to do with the pictures, for a word that is known and for one that is not."""
    firsts = [CORRECTED + number * APART for number in range(1, NOISES + 1)]
    for label in ("circle", "glorp"):
        adoptions = sum(bool(_lessons(engine, Story({label: noise}), NOISY, first)) for first in firsts)
        what = f"'{label}' taught by noise: adoptions in {NOISES} projects of {NOISY} corrections"
        yield Figure(what, adoptions, "", 0)


def _right(engine: Engine) -> Iterator[Figure]:
    """Annotators who want just what the model does."""
    held = held_out(RIGHT, PICTURES)
    before, after = _mean(engine, held, {}), _mean(engine, held, _lessons(engine, RIGHT, 24))
    yield Figure(f"a project that is right, lost after 24, from {before:.3f}, {_of(held)}", before - after, "IoU", 0.01)


def _lessons(engine: Engine, story: Story, number: int, first: int = CORRECTED) -> Mapping[str, Lesson]:
    """What a project adopts after some corrections, told as it goes."""
    started = time.perf_counter()
    verdict = learn(engine, corrections(story, number, first), Kept(), lambda: None)
    spent, said = time.perf_counter() - started, "adopted" if verdict.adopted else "not adopted"
    labels = ", ".join(story.means)
    print(f"{labels}: {number} corrections from seed {first}: {said}: {verdict.reason} ({spent:.0f} s)", flush=True)
    return verdict.lessons if verdict.adopted else {}


def _mean(engine: Engine, held: Held, lessons: Mapping[str, Lesson]) -> float:
    return float(np.mean(held.scores(engine, lessons)))


def _of(held: Held) -> str:
    return f"{len(held.pictures)} pictures, seeds {held.seeds[0]} to {held.seeds[-1]}"


if __name__ == "__main__":
    sys.exit(main())

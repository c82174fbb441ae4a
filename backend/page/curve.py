"""The learning curve of a project: what was in force and what was tried, as places in an inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 210
LEFT, RIGHT, TOP, BOTTOM = 72, 16, 22, 36  # room around the plot, for the labels
GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_LABELS = 8  # below the axis; more would run into each other


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One candidate that was judged: its score and that of what was in force, in 0..1, on the same `pictures`.

    `number`: the revision that it became; None where it was not adopted.
    """

    pictures: int
    before: float
    after: float
    number: int | None


@dataclass(frozen=True, slots=True)
class Dot:
    """One candidate in the plot; `label` is empty where there is no room for it."""

    x: float
    y: float
    trial: CurvePoint
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A plot in a frame of `width` x `height`. line: corners of the score in force; grid: value and height of lines."""

    line: str
    dots: tuple[Dot, ...]
    grid: tuple[tuple[float, float], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def curve(trials: Sequence[CurvePoint]) -> Curve:
    """The plot of trials, the oldest first; they stand side by side at equal distances."""
    places = [LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / len(trials) for index in range(len(trials))]
    corners = [corner for x, trial in zip(places, trials, strict=True) for corner in _corners(x, trial)]
    every = -(-len(trials) // MOST_LABELS)
    dots = [
        Dot(x, _height(trial.after), trial, "" if (len(trials) - 1 - index) % every else str(trial.pictures))
        for index, (x, trial) in enumerate(zip(places, trials, strict=True))
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return Curve(line, tuple(dots), tuple((value, _height(value)) for value in GRID))


def _corners(x: float, trial: CurvePoint) -> list[tuple[float, float]]:
    """An adopted candidate lifts the line to its own score; any other leaves it where it is."""
    before = (x, _height(trial.before))
    return [before] if trial.number is None else [before, (x, _height(trial.after))]


def _height(score: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(score, 0.0), 1.0))

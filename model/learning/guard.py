"""Whether what was learned is better on pictures that it was not learned from. All thresholds are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from model.learning.dataset.agreement import framed, score
from model.learning.dataset.learning_examples import LEAST_PICTURES
from model.types import Mask

FOLDS = 5  # with five pictures each is held out once; more folds would cost more fits for little more to learn from
MARGIN = 0.02  # mean gain that is worth another revision
USEFUL = 0.3  # mean score from which an annotator has less work with what is found than without it
LEVEL = 0.025  # one-sided, over all labels tried together: skewed scores then adopt what is no better in under 5 %
DRAWS = 10_000  # of the bootstrap
STRANGERS = 5  # other pictures whose masks tell what a gain is worth by chance

Scores = NDArray[np.float64]
Marks = Mapping[str, tuple[Mask, ...]]  # by label, the objects (h, w) of one picture


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Figures of one label: pictures with it, its objects, mean scores, and the interval that the gain lies in.

    `low` and `high`: of the gain beyond chance, at the level that all labels tried together keep. missing: pictures
    with the label that are needed before anything can be adopted.
    """

    pictures: int
    objects: int
    before: float
    after: float
    low: float
    high: float
    missing: int

    @property
    def wins(self) -> bool:
        """Whether the gain exceeds both noise and the margin, and what is found then is of use."""
        worth = self.after - self.before >= MARGIN and self.after >= USEFUL
        return not self.missing and self.low > 0 and worth


def folds(labels: Sequence[frozenset[str]], count: int = FOLDS) -> tuple[int, ...]:
    """Which fold each picture is held out in, given the labels on it: each label spreads over all folds.

    The rarest label chooses first; a picture goes where its labels have been held out least.
    """
    often = {label: sum(label in each for each in labels) for each in labels for label in each}
    order = sorted(range(len(labels)), key=lambda at: (min((often[label] for label in labels[at]), default=1e9), at))
    fold = [0] * len(labels)
    held: list[dict[str, int]] = [{} for _ in range(count)]
    sizes = [0] * count
    for at in order:
        mine = labels[at]
        fold[at] = min(range(count), key=lambda each: (sum(held[each].get(name, 0) for name in mine), sizes[each]))
        sizes[fold[at]] += 1
        for name in mine:
            held[fold[at]][name] = held[fold[at]].get(name, 0) + 1
    return tuple(fold)


def judge(
    tried: tuple[str, int], wanted: Sequence[Marks], before: Sequence[Marks], after: Sequence[Marks]
) -> Judgement:
    """Compare two ways of answering on the same held-out pictures; `tried`: a label, and how many were tried with it.

    Only pictures count on which annotators or either way see the label; on all others the two are equal.
    """
    label, count = tried
    rows = [[side[at].get(label, ()) for side in (wanted, before, after)] for at in range(len(wanted))]
    rows = [row for row in rows if any(row)]
    positive = [row[0] for row in rows if row[0]]
    old, new = (np.array([score(row[0], row[side]) for row in rows]) for side in (1, 2))
    low, high = interval(new - old - by_chance(rows), LEVEL / max(count, 1))
    missing = max(0, LEAST_PICTURES - len(positive))
    means = [float(each.mean()) if len(each) else 1.0 for each in (old, new)]
    return Judgement(len(positive), sum(map(len, positive)), means[0], means[1], low, high, missing)


def by_chance(rows: Sequence[Sequence[tuple[Mask, ...]]]) -> Scores:
    """The gain (n,) of each picture's answers when other pictures' masks are wanted.

    Masks that grow, or appear where none was, meet anything more often, meant or not. What a way of answering gains
    against masks that were never about the picture is no gain.
    """
    gains = np.zeros(len(rows))
    for at, (_, old, new) in enumerate(rows):
        others = [rows[(at + step) % len(rows)][0] for step in range(1, min(STRANGERS + 1, len(rows)))]
        if old or new:
            height, width = (*old, *new)[0].shape
            fitting = [[framed(mask, (height, width)) for mask in masks] for masks in others]
            gains[at] = np.mean([score(masks, new) - score(masks, old) for masks in fitting if masks] or [0.0])
    return gains


def interval(gains: Scores, level: float) -> tuple[float, float]:
    """One-sided bounds of a mean gain by the bootstrap over pictures, each at `level`: (low, high).

    Few pictures make percentile bounds too narrow; the level is expanded to what Student's distribution asks for
    (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, section 4.1).
    """
    count = len(gains)
    if count < 2 or not gains.any():
        return 0.0, 0.0
    reach = np.sqrt(count / (count - 1)) * stats.t.ppf(level, count - 1)
    share = float(stats.norm.cdf(reach))
    drawn = np.random.default_rng(0).integers(count, size=(DRAWS, count))
    means = np.sort(gains[drawn].mean(1))
    at = int(share * DRAWS)
    return float(means[at]), float(means[-1 - at])

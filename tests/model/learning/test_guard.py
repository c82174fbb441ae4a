"""The statistics of the guard, on made-up scores: what is only noise is adopted once in twenty times at most."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.learning.guard import LEVEL, MARGIN, Judgement, folds, interval, judge
from model.types import Mask

Rng = np.random.Generator
PROJECTS = 200


def disc(rng: Rng, radius: float = 0.0) -> Mask:
    y, x = np.mgrid[:32, :32] / 32
    cx, cy = rng.uniform(0.2, 0.8, 2)
    return np.asarray(np.hypot(x - cx, y - cy) < (radius or rng.uniform(0.08, 0.25)))


def judged(wanted: list[Mask], before: list[Mask], after: list[Mask]) -> Judgement:
    sides = [[{"dog": (mask,)} for mask in side] for side in (wanted, before, after)]
    return judge(("dog", 1), *sides)


NOISES: dict[str, Callable[[Rng, int], NDArray[np.float64]]] = {
    "even": lambda rng, count: rng.normal(0, 0.3, count),
    "bounded": lambda rng, count: rng.uniform(-1, 1, count),
    "mostly nothing": lambda rng, count: rng.normal(0, 0.5, count) * (rng.random(count) < 0.5),
}


@pytest.mark.parametrize("count", [5, 8, 16, 40])
@pytest.mark.parametrize("kind", NOISES)
def test_a_mean_of_noise_seldom_has_a_bound_above_nothing(kind: str, count: int) -> None:
    rng = np.random.default_rng(1)
    wins = [interval(NOISES[kind](rng, count), LEVEL)[0] > 0 for _ in range(PROJECTS)]
    assert np.mean(wins) <= 0.05


@pytest.mark.parametrize("count", [5, 12])
def test_random_masks_are_seldom_adopted(count: int) -> None:
    rng = np.random.default_rng(2)
    wins = []
    for _ in range(100):
        wanted, before, after = ([disc(rng) for _ in range(count)] for _ in range(3))
        wins.append(judged(wanted, before, after).wins)
    assert np.mean(wins) <= 0.05


def test_masks_that_meet_anything_more_often_gain_nothing() -> None:
    """Random marks are met better by larger masks, on any picture: that is no lesson about this one."""
    rng = np.random.default_rng(3)
    wins, gains = [], []
    for _ in range(100):
        wanted, before, after = ([disc(rng, radius) for _ in range(12)] for radius in (0.25, 0.05, 0.4))
        found = judged(wanted, before, after)
        wins.append(found.wins)
        gains.append(found.after - found.before)
    assert np.mean(gains) > 0.1
    assert np.mean(wins) <= 0.05


def test_what_is_better_on_each_picture_wins_from_five_pictures_on() -> None:
    rng = np.random.default_rng(4)
    wanted, before = [disc(rng, 0.15) for _ in range(5)], [disc(rng, 0.15) for _ in range(5)]
    found = judged(wanted, before, wanted)
    assert found.wins
    assert (found.pictures, found.objects, found.missing) == (5, 5, 0)
    assert found.low <= found.high
    few = judged(wanted[:3], before[:3], wanted[:3])
    assert not few.wins
    assert few.missing == 2


def test_a_small_gain_is_worth_no_revision() -> None:
    assert not Judgement(20, 20, 0.8, 0.8 + MARGIN / 2, 0.005, 0.01, 0).wins


def test_pictures_that_neither_side_marks_do_not_count() -> None:
    mask = np.ones((2, 2), np.bool_)
    found = judge(("dog", 1), [{"dog": (mask,)}, {}], [{}, {"cat": (mask,)}], [{"dog": (mask,)}, {}])
    assert (found.before, found.after) == (0, 1)


def test_a_false_find_counts_against_the_side_that_made_it() -> None:
    mask = np.ones((2, 2), np.bool_)
    found = judge(("dog", 1), [{"dog": (mask,)}, {}], [{"dog": (mask,)}, {}], [{"dog": (mask,)}, {"dog": (mask,)}])
    assert (found.before, found.after) == (1, 0.5)


@given(st.lists(st.frozensets(st.sampled_from("abc")), min_size=5, max_size=40))
def test_folds_hold_out_each_picture_once_and_spread_each_label(labels: list[frozenset[str]]) -> None:
    fold = folds(labels)
    assert len(fold) == len(labels)
    assert set(fold) <= set(range(5))


@pytest.mark.parametrize("count", [5, 8, 23])
def test_pictures_of_one_label_are_spread_evenly(count: int) -> None:
    held = np.bincount(folds([frozenset("a")] * count), minlength=5)
    assert held.max() - held.min() <= 1


@pytest.mark.parametrize(("after", "wins"), [(0.25, False), (0.35, True)])
def test_what_is_found_too_badly_to_be_of_use_does_not_win(after: float, wins: bool) -> None:
    assert Judgement(12, 12, 0.0, after, 0.1, 0.4, 0).wins is wins

"""Specks and pinholes go, what was pointed at stays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.masks.specks import tidy
from model.types import Mask, Point


def square(size: int = 100) -> Mask:
    mask = np.zeros((size, size), np.bool_)
    mask[20:60, 20:60] = True
    return mask


def test_specks_and_pinholes_go() -> None:
    ragged = square()
    ragged[30:33, 30:33] = False
    ragged[80:82, 80:82] = True
    assert np.array_equal(tidy(ragged, (), 0.002), square())


def test_the_hole_of_a_ring_and_a_second_part_stay() -> None:
    mask = square()
    mask[35:45, 35:45] = False
    mask[70:90, 70:90] = True
    assert np.array_equal(tidy(mask, (), 0.002), mask)


def test_a_small_ring_keeps_its_hole() -> None:
    mask = np.zeros((200, 200), np.bool_)
    mask[50:58, 50:58] = True
    mask[52:56, 52:56] = False
    assert np.array_equal(tidy(mask, (), 0.002), mask)


def test_marks_hold_parts_and_holes() -> None:
    ragged = square()
    ragged[30:33, 30:33] = False
    ragged[80:82, 80:82] = True
    held = (Point(81.5, 80.5), Point(31.0, 31.0, positive=False))
    assert np.array_equal(tidy(ragged, held, 0.002), ragged)


def test_the_largest_part_stays_however_small() -> None:
    mask = np.zeros((300, 300), np.bool_)
    mask[10:14, 10:14] = True
    mask[200:202, 200:202] = True
    assert tidy(mask, (), 0.01)[10:14, 10:14].all()


def test_nothing_stays_nothing() -> None:
    assert not tidy(np.zeros((20, 30), np.bool_), (), 0.01).any()


@given(st.integers(0, 10_000), st.booleans())
def test_marks_that_were_obeyed_stay_obeyed_and_twice_is_once(seed: int, positive: bool) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((30, 40)) < rng.random()
    rows, columns = np.nonzero(mask == positive)
    marks = tuple(Point(float(x), float(y), positive) for y, x in list(zip(rows, columns, strict=True))[:3])
    found = tidy(mask, marks, 0.01)
    assert all(found[int(mark.y), int(mark.x)] == positive for mark in marks)

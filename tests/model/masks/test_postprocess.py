"""Points are obeyed at the pixel, and discs around them keep their distance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.masks.postprocess import disobeyed, obeying
from model.types import Point

coordinates = st.tuples(st.integers(0, 60), st.integers(0, 40), st.booleans())


@given(
    st.lists(coordinates, max_size=8, unique_by=lambda each: (min(each[0], 59), min(each[1], 39))), st.integers(0, 99)
)
def test_every_mark_on_a_pixel_of_its_own_is_obeyed(places: list[tuple[int, int, bool]], seed: int) -> None:
    mask = np.random.default_rng(seed).random((40, 60)) < 0.5
    marks = [Point(float(x), float(y), positive) for x, y, positive in places]
    assert disobeyed(obeying(mask, marks, 6.0), marks) == []


def test_a_mask_that_obeys_stays_as_it_is() -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 10:20] = True
    assert obeying(mask, (Point(15, 15), Point(40, 30, positive=False)), 6.0) is mask


def test_a_disc_is_as_large_as_asked() -> None:
    found = obeying(np.zeros((40, 60), np.bool_), (Point(30, 20),), 5.0)
    assert 70 <= np.count_nonzero(found) <= 95
    assert found[20, 25:36].all()

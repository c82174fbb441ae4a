"""What annotators always do to masks: holes, borders, smoothness."""

import numpy as np
import pytest

from model.config import FinishConfig
from model.masks.habits import finished, grown, smoothed
from model.types import Mask


def disc(radius: float, side: int = 120) -> Mask:
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    return np.asarray(np.hypot(x, y) <= radius)


def test_nothing_learned_leaves_a_mask_untouched() -> None:
    mask = disc(20)
    assert finished(mask, FinishConfig()) is mask


def test_holes_are_filled_and_bays_are_not() -> None:
    ring = disc(40) & ~disc(20)
    assert np.array_equal(finished(ring, FinishConfig(fill_holes=True)), disc(40))
    open_ring = ring.copy()
    open_ring[55:65, 60:] = False
    assert np.array_equal(finished(open_ring, FinishConfig(fill_holes=True)), open_ring)


@pytest.mark.parametrize("side", [60, 120, 240])
@pytest.mark.parametrize("margin", [-0.1, 0.1])
def test_a_margin_is_a_share_of_the_masks_size(side: int, margin: float) -> None:
    mask = disc(side / 4, side)
    moved = finished(mask, FinishConfig(margin=margin))
    radius = np.sqrt(np.count_nonzero(moved) / np.pi)
    assert radius == pytest.approx(side / 4 + margin * np.sqrt(np.pi) * side / 4, abs=0.8)


def test_growing_and_shrinking_undo_each_other_on_a_disc() -> None:
    mask = disc(20)
    assert np.count_nonzero(grown(grown(mask, 6.0), -6.0) ^ mask) < 0.03 * np.count_nonzero(mask)


def test_a_border_along_the_pictures_edge_stays() -> None:
    mask = np.zeros((60, 60), bool)
    mask[:, :30] = True
    assert np.array_equal(np.flatnonzero(grown(mask, -5.0).all(0)), np.arange(25))
    assert grown(np.ones((8, 8), bool), -3.0).all()


def test_smoothing_takes_a_spike_and_fills_a_notch() -> None:
    mask = np.zeros((120, 120), bool)
    mask[30:90, 30:90] = True
    rough = mask.copy()
    rough[59:61, 90:105] = True
    rough[59:61, 30:40] = False
    found = smoothed(rough, 6.0)
    assert not found[60, 100]
    assert found[60, 34]
    assert np.count_nonzero(found ^ mask) < 0.03 * np.count_nonzero(mask)


def test_a_thin_mask_is_not_smoothed_or_shrunk_away() -> None:
    pole = np.zeros((100, 100), bool)
    pole[5:95, 50] = True
    assert np.array_equal(finished(pole, FinishConfig(smoothing=0.2)), pole)
    assert np.array_equal(finished(pole, FinishConfig(margin=-0.2)), pole)

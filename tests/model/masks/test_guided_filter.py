"""Borders that move to the picture's edges."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.geometry import iou
from model.grounding.stretch import stretch_of
from model.masks.guided_filter import snapped, surroundings
from model.types import Image, Mask


def disc(size: tuple[int, int], centre: tuple[int, int], radius: int) -> Mask:
    return cv2.circle(np.zeros(size, np.uint8), centre, radius, 1, -1).astype(np.bool_)


def painted(mask: Mask) -> Image:
    noise = np.random.default_rng(0).normal(0, 3, (*mask.shape, 3))
    return (np.where(mask[..., None], (200, 40, 60), (90, 140, 80)) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(160, 200), (600, 900), (1500, 1200)])
def test_a_border_moves_to_the_edge(size: tuple[int, int]) -> None:
    centre, radius = (size[1] // 2, size[0] // 2), min(size) // 4
    truth = disc(size, centre, radius)
    coarse = disc(size, (centre[0] + radius // 8, centre[1]), round(radius * 0.9))
    found = snapped(painted(truth), coarse, radius / 1.5)
    assert iou(coarse, truth) < 0.83
    assert iou(found, truth) > 0.96


def test_faint_edges_are_found_where_the_picture_is_stretched() -> None:
    truth = disc((160, 200), (100, 80), 40)
    coarse, faint = disc((160, 200), (105, 80), 36), (100 + painted(truth) / 40).astype(np.uint8)
    assert iou(snapped(faint, coarse, 27), truth) < 0.9
    assert iou(snapped(faint, coarse, 27, stretch_of(faint)), truth) > 0.94


def test_a_picture_without_edges_leaves_the_mask_about_as_it_is() -> None:
    mask = disc((200, 200), (100, 100), 50)
    assert iou(snapped(np.full((200, 200, 3), 120, np.uint8), mask, 9), mask) > 0.95


def test_nothing_everything_and_no_reach_stay_as_they_are() -> None:
    image = painted(disc((60, 80), (30, 30), 10))
    for mask in (np.zeros((60, 80), np.bool_), np.ones((60, 80), np.bool_)):
        assert np.array_equal(snapped(image, mask, 5), mask)
    kept = disc((60, 80), (33, 30), 10)
    assert np.array_equal(snapped(image, kept, 0), kept)


def test_pixels_far_from_the_mask_stay_off() -> None:
    truth = disc((300, 300), (60, 60), 30)
    twin = disc((300, 300), (230, 230), 30)
    assert not snapped(painted(truth | twin), truth, 12)[twin].any()


def test_surroundings_end_at_the_rim() -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[2:5, 50:58] = True
    assert surroundings(mask, 4) == (slice(0, 9), slice(46, 60))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6000), st.integers(1, 6000), st.data())
def test_a_mask_keeps_its_pictures_size_whatever_the_window(height: int, width: int, data: st.DataObject) -> None:
    """Windows of every aspect, at every border; long ones are scaled down twice."""
    height = min(height, 3_000_000 // width)  # both sides at 6,000 would only take longer
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    mask = np.zeros((height, width), np.bool_)
    mask[top:bottom, left:right] = True
    image = np.where(mask, np.uint8(200), np.uint8(60))[..., None].repeat(3, axis=2)
    assert snapped(image, mask, data.draw(st.floats(1, 40))).shape == mask.shape


@pytest.mark.parametrize("size", [(307, 1100), (24, 2113), (29, 3000), (125, 10000)])
def test_windows_that_once_rounded_apart_are_drawn(size: tuple[int, int]) -> None:
    """The picture, scaled in two steps, came to 72 rows; its mask, scaled in one, to 71."""
    mask = np.zeros(size, np.bool_)
    mask[2:-2, 5:-5] = True
    assert iou(snapped(painted(mask), mask, 12), mask) > 0.8

"""Procedural training pictures."""

from __future__ import annotations

import time

import numpy as np
import pytest

from model.training.segmenter import generated_pictures

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_always_gives_the_same_picture(seed: int) -> None:
    first, second = generated_pictures.draw(seed, 64), generated_pictures.draw(seed, 64)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.objects == second.objects


def test_pictures_differ_from_seed_to_seed() -> None:
    assert len({generated_pictures.draw(seed, 32).image.tobytes() for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("size", [48, 64, 128, 256])
def test_shapes_follow_the_size(size: int) -> None:
    picture = generated_pictures.draw(3, size)
    assert picture.image.shape == (size, size, 3)
    assert picture.image.dtype == np.uint8
    assert picture.labels.shape == (size, size)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_object_shows_itself(seed: int) -> None:
    picture = generated_pictures.draw(seed, 96)
    assert picture.objects
    for index in range(len(picture.objects)):
        assert picture.mask(index).mean() >= generated_pictures.SMALLEST


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pieces_that_are_objects_of_their_own_do_not_overlap(seed: int) -> None:
    picture = generated_pictures.draw(seed, 96)
    singles = [index for index, pieces in enumerate(picture.objects) if len(pieces) == 1]
    assert np.sum([picture.mask(index) for index in singles], axis=0).max() <= 1


def test_some_objects_are_made_of_parts_and_some_pictures_have_many_regions() -> None:
    drawn = [generated_pictures.draw(seed, 64) for seed in range(40)]
    assert any(len(pieces) > 1 for picture in drawn for pieces in picture.objects)
    assert max(len(picture.objects) for picture in drawn) > 10


def test_colours_are_varied() -> None:
    means = np.array([generated_pictures.draw(seed, 32).image.mean(axis=(0, 1)) for seed in range(40)])
    assert means.std(axis=0).min() > 20


def test_drawing_is_fast_enough_to_train_on_the_fly() -> None:
    begun = time.process_time()
    for seed in range(20):
        generated_pictures.draw(seed, 128)
    assert (time.process_time() - begun) / 20 < 0.1

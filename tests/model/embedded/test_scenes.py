import numpy as np
import pytest

from model.embedded import scenes
from model.embedded.scenes import COLOURS, GROUNDS, SHAPES


def test_a_seed_gives_the_same_scene_each_time() -> None:
    one, other = scenes.draw(7, 96), scenes.draw(7, 96)
    assert np.array_equal(one.image, other.image)
    assert [thing.kind for thing in one.objects] == [thing.kind for thing in other.objects]


def test_the_layout_does_not_depend_on_the_resolution() -> None:
    small, large = scenes.draw(5, 64), scenes.draw(5, 256)
    assert [thing.kind for thing in small.objects] == [thing.kind for thing in large.objects]
    for one, other in zip(small.objects, large.objects, strict=True):
        assert one.mask.mean() == pytest.approx(other.mask.mean(), abs=0.01)


def test_sizes_need_not_be_square() -> None:
    scene = scenes.draw(3, (60, 90))
    assert scene.image.shape == (60, 90, 3)
    assert all(thing.mask.shape == (60, 90) for thing in scene.objects)


def test_masks_are_disjoint_and_every_object_is_to_be_seen() -> None:
    for seed in range(60):
        scene = scenes.draw(seed, 96)
        together = np.sum([thing.mask for thing in scene.objects], axis=0)
        assert together.max() == 1
        assert all(thing.mask.sum() >= 30 for thing in scene.objects)
        assert np.array_equal(scene.ground_mask, together == 0)


def test_objects_have_the_colour_that_they_are_said_to_have() -> None:
    for seed in range(40):
        scene = scenes.draw(seed, 128)
        for thing in (each for each in scene.objects if each.kind.texture == "plain"):
            seen = np.median(scene.image[thing.mask], axis=0)
            nearest = min(COLOURS, key=lambda name: float(np.linalg.norm(seen - COLOURS[name])))
            assert nearest == thing.kind.colour


def test_a_ring_has_its_hole_outside_the_mask() -> None:
    ring = next(
        thing
        for seed in range(100)
        for thing in scenes.draw(seed, 128, most=1).objects
        if thing.kind.shape == "ring" and thing.kind.size == "big"
    )
    x, y = round(ring.place.x * 128), round(ring.place.y * 128)
    assert not ring.mask[y, x]
    assert ring.mask[y, round((ring.place.x + 0.76 * ring.place.radius) * 128)]


def test_everything_that_is_promised_occurs() -> None:
    drawn = [scenes.draw(seed, 48) for seed in range(150)]
    kinds = [thing.kind for scene in drawn for thing in scene.objects]
    assert {kind.shape for kind in kinds} == set(SHAPES)
    assert {kind.colour for kind in kinds} == set(COLOURS)
    assert {kind.texture for kind in kinds} == {"plain", "striped", "dotted"}
    assert {scene.ground for scene in drawn} == set(GROUNDS)
    assert {len(scene.objects) for scene in drawn} == {1, 2, 3, 4, 5}

"""What the proposer learns from, scenes and files in COCO's panoptic format."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from model.embedded import scenes
from model.embedded.scene_language import matches
from model.training.proposer.proposer_data import (
    MOST_TEXTS,
    Panoptic,
    Scenes,
    batch_of,
    of_scene,
    scene_texts,
    segment_ids,
    shown,
    spoken,
)

DOG, WALL, CAT, CROWD = 7, 300, 70_000, 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture of 6 x 8 pixels: a dog on the left, a wall, a cat and a crowd of dogs, as COCO writes them."""
    path = tmp_path_factory.mktemp("coco")
    ids = np.full((6, 8), WALL)
    ids[:, :2], ids[0, 7], ids[5, 7] = DOG, CAT, CROWD
    (path / "panoptic_tiny").mkdir()
    (path / "images").mkdir()
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 256**2], axis=-1).astype(np.uint8)
    Pictures.fromarray(colours).save(path / "panoptic_tiny" / "1.png")
    Pictures.new("L", (8, 6)).save(path / "images" / "1.jpg")
    segments = [
        {"id": DOG, "category_id": 1, "iscrowd": 0},
        {"id": WALL, "category_id": 2, "iscrowd": 0},
        {"id": CAT, "category_id": 3},
        {"id": CROWD, "category_id": 1, "iscrowd": 1},
    ]
    names = ["dog", "wall-other-merged", "cat", "zebra"]
    content = {
        "images": [{"id": 11, "file_name": "1.jpg", "height": 6, "width": 8}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
        "annotations": [{"image_id": 11, "file_name": "1.png", "segments_info": segments}],
    }
    (path / "panoptic_tiny.json").write_text(json.dumps(content))
    return path


def test_segments_are_read_without_crowds(folder: Path) -> None:
    example = Panoptic(folder / "panoptic_tiny.json", folder / "images").read(0, None)
    assert example.image.shape == (6, 8, 3)
    assert example.texts == ()
    assert [int(mask.sum()) for mask in example.masks] == [12, 34, 1]
    assert example.meant.tolist() == [0, 0, 0]


def test_texts_name_the_segments_they_mean(folder: Path) -> None:
    data, areas = Panoptic(folder / "panoptic_tiny.json", folder / "images"), {"dog": 12, "wall": 34, "cat": 1}
    seen: set[str] = set()
    for seed in range(20):
        example = data.example(np.random.default_rng(seed), with_text=True)
        assert 1 <= len(example.texts) <= MOST_TEXTS
        meant = [(example.texts[number], int(mask.sum())) for mask, number in zip(example.masks, example.meant)]  # noqa: B905
        assert all(areas[name] == area for name, area in meant)
        assert {name for name, _ in meant} == set(example.texts) - {"zebra"}
        seen |= set(example.texts)
    assert seen == {"dog", "wall", "cat", "zebra"}


@given(st.integers(0, 256**3 - 1))
def test_ids_are_red_green_blue_in_base_256(number: int) -> None:
    colour = np.array([[[number % 256, number // 256 % 256, number // 256**2]]], np.uint8)
    assert segment_ids(colour).tolist() == [[number]]


@pytest.mark.parametrize(
    ("name", "wanted"), [("wall-other-merged", "wall"), ("floor-wood", "floor wood"), ("door-stuff", "door")]
)
def test_class_names_are_spoken(name: str, wanted: str) -> None:
    assert spoken(name) == wanted


def test_a_text_means_every_object_it_fits() -> None:
    scene = scenes.draw(5, 64)
    example = of_scene(scene, ("object", scene.ground, "zebra"))
    assert example.meant.tolist() == [0] * len(scene.objects) + [1]
    np.testing.assert_array_equal(example.masks[-1], scene.ground_mask)


@pytest.mark.parametrize("seed", range(5))
def test_scene_texts_are_different_and_few(seed: int) -> None:
    scene = scenes.draw(seed, 64)
    texts = scene_texts(np.random.default_rng(seed), scene)
    assert 1 <= len(set(texts)) == len(texts) <= MOST_TEXTS
    example = of_scene(scene, texts)
    there = [
        text == scene.ground or any(matches(thing.kind, text.split()) for thing in scene.objects) for text in texts
    ]
    assert sorted(set(example.meant)) == [number for number, found in enumerate(there) if found]


def test_without_text_every_thing_and_the_ground_are_wanted() -> None:
    example = Scenes().example(np.random.default_rng(0), with_text=False)
    assert example.texts == ()
    assert example.masks.sum(axis=0).min() == 1  # each pixel belongs to one thing
    assert not example.meant.any()


def test_a_batch_is_squashed_to_squares() -> None:
    scene = scenes.draw(5, (64, 96))
    batch = batch_of([of_scene(scene, ("object", scene.ground)), of_scene(scene, ("zebra",))], 32)
    assert batch.pixels.shape == (2, 3, 32, 32)
    assert batch.masks[0].shape == (len(scene.objects) + 1, 32, 32)
    assert batch.masks[1].shape == (0, 32, 32)
    torch.testing.assert_close(batch.masks[0][-1].mean().item(), float(scene.ground_mask.mean()), atol=2e-3, rtol=0)


def test_cells_show_all_objects_of_a_text() -> None:
    scene = scenes.draw(5, 64)
    batch = batch_of([of_scene(scene, ("object", scene.ground))], 32)
    covers = shown(batch, 3, (8, 8))
    assert covers.shape == (1, 3, 8, 8)
    torch.testing.assert_close(covers[0, 0] + covers[0, 1], torch.ones(8, 8), atol=0.1, rtol=0)
    assert (covers[0, 2] == 0).all()

import numpy as np
import pytest
import torch

from model.embedded import scenes
from model.engine import Engine
from model.errors import BadImage
from model.geometry import iou
from model.methods.diffseg import MergingConfig, joined, merge, parted, regions


def blocks(sizes: tuple[int, ...], leak: float = 0.01) -> torch.Tensor:
    """Self-attention of cells in groups of whole rows of a square grid that hardly leak into each other."""
    side = sum(sizes)
    group = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes) * side)
    matrix = torch.where(group[:, None] == group[None], 1.0, leak)
    return matrix / matrix.sum(1, keepdim=True)


def test_cells_that_attend_alike_are_one_region() -> None:
    found = merge(blocks((3, 1, 4)), MergingConfig(anchors=8))
    assert found.shape == (3, 8, 8)
    assert torch.allclose(found.flatten(1).sum(1), torch.ones(3), atol=1e-5)
    assert found.argmax(0)[:, 0].tolist() == [0, 0, 0, 1, 2, 2, 2, 2]


def test_a_high_threshold_makes_one_region_and_a_low_one_a_region_for_each_anchor() -> None:
    attention = (torch.randn(64, 64, generator=torch.Generator().manual_seed(3)) * 2).softmax(1)
    assert len(merge(attention, MergingConfig(threshold=100.0))) == 1
    assert len(merge(attention, MergingConfig(anchors=4, threshold=1e-3))) == 16


def test_a_round_joins_what_is_near_the_first_of_those_left() -> None:
    rows = torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.1, 0.9], [0.8, 0.2, 0.0]])
    assert torch.allclose(joined(rows, 0.5), torch.tensor([[0.85, 0.15, 0.0], [0.0, 0.1, 0.9]]))
    assert torch.equal(joined(rows, 0.0), rows)


def test_maps_that_win_nowhere_are_no_regions() -> None:
    maps = torch.stack([torch.full((4, 4), 0.2), torch.full((4, 4), 0.5), torch.eye(4)])
    found = parted(maps, (4, 4))
    assert found.maps.shape == (2, 4, 4)
    assert np.array_equal(found.labels, np.eye(4))


def test_regions_of_scenes_match_objects_and_ground(engine: Engine) -> None:
    matched = []
    for seed in range(1_000_000, 1_000_004):
        scene = scenes.draw(seed, (256, 192))
        found = regions(engine, scene.image)
        assert found.labels.shape == (256, 192)
        assert np.array_equal(np.unique(found.labels), np.arange(len(found.maps)))
        masks = [found.labels == number for number in range(len(found.maps))]
        truths = [scene.ground_mask, *(thing.mask for thing in scene.objects)]
        matched += [max(iou(mask, truth) for mask in masks) for truth in truths]
    assert np.mean(matched) > 0.4


def test_a_picture_of_one_colour_has_regions_too(engine: Engine) -> None:
    found = regions(engine, np.full((64, 64, 3), 128, np.uint8))
    assert len(found.maps) >= 1


def test_a_picture_without_colours_is_refused(engine: Engine) -> None:
    with pytest.raises(BadImage):
        regions(engine, np.zeros((32, 32), np.uint8))

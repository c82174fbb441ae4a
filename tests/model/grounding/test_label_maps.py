import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.config import overridden
from model.embedded import scenes
from model.embedded.scenes import Scene
from model.engine import Engine
from model.errors import BadImage, BadQuery
from model.grounding.label_maps import Background, label, label_map

THRESHOLD, POWER, CLASS = Background("threshold"), Background("power"), Background("class")


def labels(values: list[list[float]], background: Background) -> list[int]:
    """Labels of single cells, given each cell's value in every map; a picture of one row."""
    maps = torch.tensor(values).T.reshape(-1, 1, len(values))
    return [int(each) for each in label_map(maps, (1, len(values)), background)[0]]


def test_below_the_threshold_is_background() -> None:
    assert labels([[0.2, 0.44], [0.2, 0.45], [0.9, 0.5]], THRESHOLD) == [0, 2, 1]
    assert labels([[0.0, 0.0], [0.1, 0.0]], Background("threshold", least=0)) == [0, 1]


def test_the_power_rule_weighs_background_against_the_strongest_class() -> None:
    golden = (3 - 5**0.5) / 2  # where (1 - m)^2 = m
    assert labels([[golden - 0.01, 0.1], [golden + 0.01, 0.1], [0.1, 1.0]], POWER) == [0, 1, 2]


def test_a_background_map_of_its_own_competes() -> None:
    assert labels([[0.2, 0.1, 0.3], [0.2, 0.4, 0.3], [0.9, 0.4, 0.3]], CLASS) == [0, 2, 1]


@pytest.mark.parametrize("background", [THRESHOLD, POWER, CLASS])
def test_flat_maps_are_background(background: Background) -> None:
    assert (label_map(torch.zeros(3, 4, 4), (8, 8), background) == 0).all()


def test_maps_are_enlarged_before_they_are_compared() -> None:
    maps = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert label_map(maps, (1, 8), POWER)[0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def scenes_of_two(count: int) -> list[Scene]:
    """The first scenes with two big or middling objects of different shapes."""
    drawn = (scenes.draw(seed, (192, 256), most=2) for seed in range(1_000_000, 1_002_000))
    fitting = (
        scene
        for scene in drawn
        if len({thing.kind.shape for thing in scene.objects}) == 2
        and all(thing.kind.size != "small" for thing in scene.objects)
    )
    return list(itertools.islice(fitting, count))


def truth(scene: Scene) -> NDArray[np.int32]:
    """Labels in the order of the scene's objects."""
    found = np.zeros(scene.image.shape[:2], np.int32)
    for number, thing in enumerate(scene.objects):
        found[thing.mask] = number + 1
    return found


@pytest.mark.parametrize("background", [THRESHOLD, POWER, CLASS])
def test_image_level_labels_become_pseudo_masks(engine: Engine, background: Background) -> None:
    shares = []
    for scene in scenes_of_two(4):
        names = [thing.kind.shape for thing in scene.objects]
        answer = label(engine, scene.image, names, background)
        assert answer.names == ("background", *names)
        assert answer.labels.shape == scene.image.shape[:2]
        assert answer.labels.max() <= 2
        shares.append((answer.labels == truth(scene)).mean())
    assert np.mean(shares) > 0.75


def test_one_class_alone_is_told_from_the_background(engine: Engine) -> None:
    (scene,) = scenes_of_two(1)
    found = label(engine, scene.image, [scene.objects[0].kind.shape]).labels
    assert set(np.unique(found).tolist()) == {0, 1}


def test_where_the_configuration_says_so_the_prompt_is_fitted_first(engine: Engine) -> None:
    (scene,) = scenes_of_two(1)
    fitting = overridden(engine.config, {"inversion": {"objective": "clustering", "steps": 2}})
    names = [thing.kind.shape for thing in scene.objects]
    steps: list[None] = []
    found = label(Engine(engine.models, fitting), scene.image, names, CLASS, lambda: steps.append(None))
    assert (found.labels == truth(scene)).mean() > 0.6
    assert len(steps) >= 2


def test_a_class_is_read_in_the_words_of_its_name(engine: Engine) -> None:
    (scene,) = scenes_of_two(1)
    plain = [f"{thing.kind.colour} {thing.kind.shape}" for thing in scene.objects]
    written = [name.replace(" ", "_") for name in plain]
    found = label(engine, scene.image, written)
    assert found.names == ("background", *written)
    assert np.array_equal(found.labels, label(engine, scene.image, plain).labels)


def test_a_list_or_a_picture_that_cannot_be_answered_is_refused(engine: Engine) -> None:
    with pytest.raises(BadQuery, match="twice"):
        label(engine, np.zeros((32, 32, 3), np.uint8), ["star", "star"])
    with pytest.raises(BadImage):
        label(engine, np.zeros((32, 32), np.uint8), ["star"])

"""The annotator's loop with the embedded models: pixels follow the prompts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient

from backend import samples
from backend.inference.model_loader import EngineProtocol
from backend.samples import CONFIG, label_of, name_of
from backend.settings import Settings
from model.embedded.scenes import Scene
from model.geometry import iou
from model.loading import EnginePaths, load_engine
from model.types import Mask
from tests.backend.annotator import Annotator
from tests.backend.clients import opened

SIDE = 256
SCENES = samples.clear_scenes(4, SIDE)


@pytest.fixture(scope="module")
def engine() -> EngineProtocol:
    return load_engine(EnginePaths())


@pytest.fixture(scope="module")
def client(engine: EngineProtocol) -> FlaskClient:
    return opened(Settings(), lambda: engine).test_client()


def at_work(client: FlaskClient, scene: Scene) -> Annotator:
    return Annotator(client, config=CONFIG, url=samples.data_uri(scene.image), size=(SIDE, SIDE))


def middle(mask: Mask) -> tuple[float, float]:
    """The place deepest inside a mask, in percent."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return 100 * (int(x) + 0.5) / SIDE, 100 * (int(y) + 0.5) / SIDE


def holds(mask: Mask, place: tuple[float, float]) -> bool:
    return bool(mask[int(place[1] / 100 * SIDE), int(place[0] / 100 * SIDE)])


@pytest.mark.parametrize("scene", SCENES)
def test_a_negative_click_after_a_text_changes_the_mask(client: FlaskClient, scene: Scene) -> None:
    anna, thing = at_work(client, scene), scene.objects[0]
    whole = anna.type(name_of(thing))
    place = middle(whole)
    cut = anna.click(*place, label_of(thing), positive=False)
    assert iou(whole, thing.mask) > 0.5
    assert holds(whole, place)
    assert not holds(cut, place)


@pytest.mark.parametrize("scene", SCENES)
def test_clicks_after_a_text_are_in_the_answer_and_alt_clicks_are_not(client: FlaskClient, scene: Scene) -> None:
    anna, (thing, other) = at_work(client, scene), (scene.objects[0], scene.objects[-1])
    anna.type(name_of(thing))
    on, off = middle(thing.mask), middle(other.mask)
    answers = [anna.click(*on, label_of(thing)), anna.click(*off, label_of(thing), positive=False)]
    assert all(holds(answer, on) for answer in answers)
    assert not holds(answers[-1], off)
    assert anna.labels == [label_of(thing)]
    assert iou(answers[0], thing.mask) > 0.7
    assert np.array_equal(anna.again(), answers[-1])


def test_a_restart_in_the_middle_is_not_noticed(client: FlaskClient, engine: EngineProtocol) -> None:
    [scene, *_] = SCENES
    thing = scene.objects[0]
    anna = at_work(client, scene)
    anna.type(name_of(thing))
    anna.save()
    anna.client = opened(Settings(), lambda: engine).test_client()
    on = middle(thing.mask)
    found = anna.click(*on, label_of(thing))
    assert holds(found, on)
    assert iou(found, thing.mask) > 0.5
    assert anna.labels == [label_of(thing)]

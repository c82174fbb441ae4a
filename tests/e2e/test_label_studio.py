"""A real Label Studio, our server with its embedded models, and pictures whose truth is known."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from backend import samples
from backend.samples import CONFIG, Items, name_of
from model.embedded.scenes import Thing
from tests.backend.classic import CLASSIC_CONFIG, SCRIBBLE_CONFIG, classic, scribble
from tests.e2e.conftest import Album
from tests.e2e.label_studio import Project, call, connect, create_project
from tests.e2e.servers import Address, Backend
from tests.e2e.stored import overlap

WITHOUT_MASK = '<View><Image name="image" value="$image"/><TextArea name="prompt" toName="image"/></View>'
# Floors that tell a broken path from a working one; how good the embedded models are stands in the model card.
PRE_ANNOTATION_FLOOR = 0.5
PROMPTS: Mapping[str, Callable[[Thing], Items]] = {
    "text": lambda thing: samples.text(name_of(thing)),
    "point": samples.point,
    "box": samples.box,
}


def test_the_backend_is_connected_and_names_its_version(project: Project, backend: Backend) -> None:
    listed = call(project.server, "GET", f"/api/ml/{project.backend_id}")
    assert listed["state"] == "CO"
    assert listed["url"] == backend.url
    assert listed["model_version"].startswith("anyword-")


def test_pre_annotation_finds_the_labels_and_is_stored_once(project: Project, album: Album) -> None:
    project.predict_all()
    project.predict_all()
    tasks = project.tasks()
    assert [len(task["predictions"]) for task in tasks] == [1] * len(album.scenes)
    answers = [task["predictions"][0]["result"] for task in tasks]
    overlaps = [
        overlap(answer, thing)
        for answer, scene in zip(answers, album.scenes, strict=True)
        for thing in scene.objects
    ]  # fmt: skip
    assert np.mean(overlaps) >= PRE_ANNOTATION_FLOOR, overlaps


@pytest.mark.parametrize(("prompt", "least"), [("text", 0.7), ("point", 0.7), ("box", 0.85)])
def test_a_prompt_gives_the_object(project: Project, album: Album, prompt: str, least: float) -> None:
    things = [scene.objects[0] for scene in album.scenes]
    prompts = [PROMPTS[prompt](thing) for thing in things]
    if project.title == "classic" and prompt != "text":
        prompts = [classic(items) for items in prompts]
    answers = [project.ask(task["id"], items) for task, items in zip(project.tasks(), prompts, strict=True)]
    overlaps = [overlap(answer, thing) for answer, thing in zip(answers, things, strict=True)]
    assert np.mean(overlaps) >= least, overlaps


def test_a_scribble_gives_the_object(server: Address, backend: Backend, album: Album) -> None:
    """Through the API: the editor of 1.23.2 sends no request for a smart brush."""
    number = create_project(server, "scribbles", SCRIBBLE_CONFIG, album.files)
    project = Project(server, number, "scribbles", int(connect(server, number, backend).json()["id"]))
    things = [scene.objects[0] for scene in album.scenes]
    answers = [project.ask(task["id"], scribble(thing)) for task, thing in zip(project.tasks(), things, strict=True)]
    overlaps = [overlap(answer, thing) for answer, thing in zip(answers, things, strict=True)]
    assert np.mean(overlaps) >= 0.6, overlaps


@pytest.mark.parametrize(("config", "said"), [(CONFIG, ["status"]), (CLASSIC_CONFIG, [])], ids=["bitmask", "classic"])
def test_nothing_found_is_said_where_the_config_has_a_place_for_it(
    server: Address, backend: Backend, album: Album, config: str, said: list[str]
) -> None:
    number = create_project(server, "zebras", config, album.files[:1])
    project = Project(server, number, "zebras", int(connect(server, number, backend).json()["id"]))
    items = project.ask(project.tasks()[0]["id"], samples.text("zebra"))
    assert [item["from_name"] for item in items] == said


def test_the_pictures_after_the_open_one_are_encoded_ahead(server: Address, backend: Backend, album: Album) -> None:
    number = create_project(server, "neighbours", CONFIG, album.files)
    project = Project(server, number, "neighbours", int(connect(server, number, backend).json()["id"]))
    first, second, third, fourth = (task["id"] for task in project.tasks()[:4])
    project.ask(first, samples.point(album.scenes[0].objects[0]))
    assert backend.logs(f"Task {second}: its picture is encoded ahead")
    assert backend.logs(f"Task {third}: its picture is encoded ahead")
    assert not backend.logs(f"Task {fourth}: its picture is encoded ahead", seconds=1)
    assert not any(task["predictions"] for task in project.tasks()), "looking for neighbours made predictions"


def test_the_connect_dialog_shows_what_the_config_lacks(server: Address, backend: Backend) -> None:
    number = create_project(server, "without a mask control", WITHOUT_MASK, [])
    answer = connect(server, number, backend)
    assert answer.status_code == 400
    assert "Labeling config needs <Brush> or <Bitmask>" in answer.text


def test_a_picture_that_cannot_be_read_costs_its_own_task_alone(
    server: Address, backend: Backend, folder: Path, album: Album
) -> None:
    broken = folder / "broken.png"
    broken.write_bytes(b"no picture")
    number = create_project(server, "broken", CLASSIC_CONFIG, [album.files[0], broken])
    project = Project(server, number, "broken", int(connect(server, number, backend).json()["id"]))
    project.predict_all()
    assert [len(task["predictions"]) for task in project.tasks()] == [1, 0]

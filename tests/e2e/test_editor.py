"""The annotator's loop in the real editor, in a browser: from the first word to what Label Studio stores."""

import pytest
from playwright.sync_api import Page

from backend.samples import label_of, name_of
from tests.e2e.conftest import Album, Studio
from tests.e2e.editor import Editor
from tests.e2e.label_studio import submitted
from tests.e2e.servers import Backend
from tests.e2e.spots import around, beside, middle
from tests.e2e.stories import LOOKS, ask_by_text, compare, draw_a_box, label_a_picture, label_a_picture_in_boxes


@pytest.mark.parametrize("config", ["A", "B", "C", "D"])
def test_a_picture_is_labelled_by_text_points_and_box(
    page: Page, studio: Studio, backend: Backend, threes: Album, config: str
) -> None:
    project, scene = studio(config, threes, backend), threes.scenes[0]
    task = int(project.tasks()[0]["id"])
    editor = Editor(page, project, f"config {config}")
    editor.open(task, scene.image)
    (label_a_picture_in_boxes if config == "D" else label_a_picture)(editor, scene)
    compare(submitted(project.server, task)[0]["result"], scene.objects)


@pytest.mark.parametrize("first", ["text", "box"])
def test_an_alt_point_refines_what_another_prompt_found(
    page: Page, studio: Studio, backend: Backend, threes: Album, first: str
) -> None:
    """The editor sends the negative point alone: the text or the box before it has to be remembered."""
    project, scene = studio("A", threes, backend), threes.scenes[1]
    thing = scene.objects[0]
    label = label_of(thing)
    editor = Editor(page, project, f"{first} then point")
    editor.open(int(project.tasks()[1]["id"]), scene.image)
    if first == "text":
        editor.type(name_of(thing))
    else:
        editor.drag(*around(thing), label)
    editor.sees(label, thing.mask, LOOKS)
    editor.take("key-point-tool")
    compare(editor.click(beside(thing, scene), label, "Alt", "Control"), [thing])
    editor.sees(label, thing.mask, LOOKS)
    compare(editor.click(middle(thing), label, "Control"), [thing])  # a plain click on a box would choose the box
    editor.accept()
    compare(editor.submit(), [thing])


def test_the_annotator_reads_what_was_not_found(page: Page, studio: Studio, backend: Backend, threes: Album) -> None:
    project = studio("A", threes, backend)
    editor = Editor(page, project, "not found")
    editor.open(int(project.tasks()[0]["id"]), threes.scenes[0].image)
    editor.type("zebra", key="")
    editor.message("no zebra found").wait_for()
    editor.shot("status")


@pytest.mark.parametrize("config", ["A", "B"])
def test_a_photo_that_its_camera_turned_is_masked_as_it_is_shown(
    page: Page, studio: Studio, backend: Backend, turned: Album, config: str
) -> None:
    project, scene = studio(config, turned, backend), turned.scenes[0]
    task = int(project.tasks()[0]["id"])
    editor = Editor(page, project, f"turned {config}")
    editor.open(task, scene.image)
    ask_by_text(editor, scene.objects[0])
    draw_a_box(editor, scene.objects[1])
    editor.submit()
    compare(submitted(project.server, task)[0]["result"], scene.objects[:2])


def test_two_annotators_of_one_picture_do_not_disturb_each_other(
    page: Page, guest: Page, studio: Studio, backend: Backend, threes: Album
) -> None:
    project, scene = studio("A", threes, backend), threes.scenes[2]
    task, things = int(project.tasks()[2]["id"]), scene.objects[:2]
    editors = [Editor(page, project, "owner"), Editor(guest, project, "guest")]
    for editor, thing in zip(editors, things, strict=True):
        editor.open(task, scene.image)
        editor.click(middle(thing), label_of(thing))
    for editor, thing in zip(editors, things, strict=True):
        editor.click(beside(thing, scene), label_of(thing), "Alt")
        editor.sees(label_of(thing), thing.mask, LOOKS)
    for editor, thing in zip(editors, things, strict=True):
        editor.accept()
        compare(editor.submit(), [thing])
    stored = submitted(project.server, task)
    assert len({annotation["completed_by"]["email"] for annotation in stored}) == len(stored) == 2
    for annotation, thing in zip(stored, things, strict=True):
        compare(annotation["result"], [thing])


def test_work_goes_on_after_the_backend_was_started_again(
    page: Page, studio: Studio, backend: Backend, threes: Album
) -> None:
    project, scene = studio("A", threes, backend), threes.scenes[3]
    thing = scene.objects[0]
    editor = Editor(page, project, "restart")
    editor.open(int(project.tasks()[3]["id"]), scene.image)
    editor.click(middle(thing), label_of(thing))
    editor.sees(label_of(thing), thing.mask, LOOKS)
    backend.stop()
    editor.click(beside(thing, scene), label_of(thing), "Alt")  # nobody answers, and nothing is lost
    backend.start()
    editor.click(beside(scene.objects[1], scene), label_of(thing), "Alt")
    editor.sees(label_of(thing), thing.mask, LOOKS)
    editor.accept()
    compare(editor.submit(), [thing])

"""The loop in a real Label Studio: wrong masks, corrections, Start Training, better masks, and the way back."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from backend.labelstudio import configs
from backend.samples import FIRST_SEED
from model.embedded.scenes import Scene
from model.geometry import iou
from tests.benchmarks.lessons import Story, shape, with_objects
from tests.e2e.conftest import Album, album_of
from tests.e2e.corrections import PATIENCE, Classroom
from tests.e2e.editor import Editor
from tests.e2e.label_studio import Project, connect, create_project, submitted
from tests.e2e.servers import Address, backend
from tests.e2e.spots import middle
from tests.e2e.stored import masks_by_label
from tests.faults.waiting import until

GLORP = Story({"glorp": shape("star")})
LABELLED = Story({**GLORP.means, "circle": shape("circle"), "square": shape("square")})
CONFIG = configs.labelled(configs.BITMASK.xml, "".join(f'<Label value="{label}"/>' for label in LABELLED.means))
CORRECTED, OTHERS = 6, 3  # tasks
SIDE = 256
WRONG, RIGHT = 0.2, 0.7  # mean intersection over union before and after


@pytest.fixture(scope="module")
def stars(folder: Path) -> Album:
    """Pictures with one star each, and other things."""
    return album_of(list(islice(with_objects(GLORP, FIRST_SEED, SIDE, most=1), CORRECTED + OTHERS)), folder)


@pytest.fixture(scope="module")
def classroom(folder: Path, server: Address, stars: Album) -> Iterator[Classroom]:
    """A project with a backend and a database of its own."""
    own = folder / "learning"
    own.mkdir()
    with backend(own, server) as ours:
        number = create_project(server, "learning", CONFIG, stars.files)
        connected = connect(server, number, ours)
        assert connected.status_code == 201, connected.text
        yield Classroom(Project(server, number, "learning", int(connected.json()["id"])), ours, CONFIG)


def test_corrections_teach_a_word_and_a_rollback_forgets_it(classroom: Classroom, stars: Album, page: Page) -> None:
    before, first = classroom.predict_again(), classroom.version
    assert found(before, stars) <= WRONG
    annotate(classroom, stars, page)
    until("every correction is known", lambda: len(classroom.known()) == CORRECTED)
    classroom.train()
    until("a verdict", lambda: bool(classroom.verdict()), PATIENCE)
    assert classroom.version == f"{first}-r1", classroom.verdict()
    after = classroom.predict_again()
    assert {prediction["model_version"] for prediction in after} == {f"{first}-r1"}
    assert found(after, stars) >= RIGHT
    classroom.command("revisions", "--project", str(classroom.project.id), "rollback", "0")
    again = classroom.predict_again()
    assert {prediction["model_version"] for prediction in again} == {first} == {classroom.version}
    pairs = list(zip(before, again, strict=True))[CORRECTED:]  # elsewhere, what was corrected is not offered again
    assert all(pixels(old) == pixels(new) for old, new in pairs)
    assert any(pixels(old) for old, _ in pairs)


def test_what_is_deleted_is_forgotten_and_what_was_missed_is_repaired(classroom: Classroom, stars: Album) -> None:
    tasks = [int(task["id"]) for task in classroom.project.tasks()]
    deleted, kept, missed = (classroom.correct(task, LABELLED.truth(stars.scenes[-1])) for task in tasks[-3:])
    until("the corrections are known", lambda: {deleted, kept, missed} <= classroom.known())
    classroom.tell("DELETE", f"/api/annotations/{deleted}/")
    until("the deleted one is forgotten", lambda: deleted not in classroom.known())
    classroom.backend.stop()
    classroom.tell("DELETE", f"/api/annotations/{missed}/")  # nobody hears of it
    lost = classroom.correct(tasks[-1], LABELLED.truth(stars.scenes[-1]))
    classroom.backend.start()
    classroom.command("sync", "--project", str(classroom.project.id))
    assert {kept, lost} <= classroom.known()
    assert not {deleted, missed} & classroom.known()


def annotate(classroom: Classroom, stars: Album, page: Page) -> None:
    """Correct the first task in the editor, by a click on its star, and the others through the API."""
    tasks = [int(task["id"]) for task in classroom.project.tasks()]
    scene = stars.scenes[0]
    editor = Editor(page, classroom.project, "learning")
    editor.open(tasks[0], scene.image)
    editor.click(middle(next(thing for thing in scene.objects if thing.kind.shape == "star")), "glorp")
    editor.accept()
    editor.submit()
    assert seen(submitted(classroom.project.server, tasks[0])[0]["result"], scene) >= RIGHT
    for task, each in list(zip(tasks, stars.scenes, strict=True))[1:CORRECTED]:
        classroom.correct(task, LABELLED.truth(each))


def found(predictions: Sequence[dict[str, Any]], stars: Album) -> float:
    """Mean overlap of what is called glorp with the stars of the pictures that nobody corrects."""
    pairs = list(zip(predictions, stars.scenes, strict=True))[CORRECTED:]
    return float(np.mean([seen(prediction["result"], scene) for prediction, scene in pairs]))


def seen(items: Sequence[dict[str, Any]], scene: Scene) -> float:
    """Overlap of what result items call glorp with the star of a scene."""
    [star] = GLORP.truth(scene)["glorp"]
    mask = masks_by_label(items, star.shape).get("glorp")
    return 0.0 if mask is None else iou(mask, star)


def pixels(prediction: dict[str, Any]) -> list[Any]:
    """Everything that a prediction draws, without the ids, which are new each time."""
    return [(item["type"], item["value"], item.get("score")) for item in prediction["result"]]

"""The command against a web server that answers as Label Studio does, with an engine that knows colours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from backend.__main__ import main
from backend.bulk import retry
from backend.cli import preannotate
from backend.labelstudio import bitmask
from backend.labelstudio import client as client_module
from backend.learning.lesson_codec import Learned, encode
from backend.server.app import terms_of
from backend.settings import Settings
from backend.store import revisions
from backend.store.database import Database
from backend.store.revisions import Draft
from model.errors import Unavailable
from model.types import Lesson
from tests.backend.bulk.bulk_site import BulkSite, broken, bulk_site
from tests.backend.calls import BITMASK, WITHOUT_MASK, picture
from tests.backend.clients import version_of
from tests.backend.colour_engine import COLOURS, ColourEngine
from tests.backend.site import Answer, status_only
from tests.backend.webhooks.studio_site import LEGACY
from tests.backend.webhooks.told import KEY, bits, project

VERSION = version_of(BITMASK)
Run = Callable[..., int]


@pytest.fixture
def site() -> Iterator[BulkSite]:
    with bulk_site(3) as started:
        yield started


@pytest.fixture
def run(site: BulkSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with these arguments and these variables more."""
    monkeypatch.setattr(preannotate, "run", partial(preannotate.run, load=ColourEngine))
    monkeypatch.setattr(retry, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(client_module, "RETRIES", 0)
    own = {"ANYWORD_DATABASE": f"sqlite:///{tmp_path}/own.db", "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY}
    chosen = ["preannotate", "--url", site.fake.url, "--project", "1"]
    return lambda *arguments, **more: main([*chosen, *arguments], own | more)


def versions(site: BulkSite) -> list[list[str]]:
    return [[one["model_version"] for one in found] for found in site.predictions().values()]


def test_every_task_gets_one_prediction_of_what_the_labels_name(
    site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert versions(site) == [[VERSION]] * 3
    assert capsys.readouterr().out.startswith("project 1: 3 done, 0 skipped, 0 failed, ")
    result = site.task(2)["predictions"][0]["result"]
    drawn = {item["value"]["labels"][0]: item["value"]["imageDataURL"] for item in result if item["type"] == "labels"}
    assert set(drawn) == {"Red thing", "blue"}
    assert np.array_equal(bitmask.decode(drawn["Red thing"]), (picture() == COLOURS["red"]).all(-1))


def test_a_second_run_has_nothing_to_do(site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert run() == 0
    assert versions(site) == [[VERSION]] * 3
    assert "project 1: 0 done, 3 skipped, 0 failed" in capsys.readouterr().out


def test_predictions_of_another_version_do_not_count(site: BulkSite, run: Run) -> None:
    site.task(2)["predictions"].append({"id": 90, "model_version": "older", "result": []})
    assert run() == 0
    assert versions(site) == [[VERSION], ["older", VERSION], [VERSION]]


def test_masks_that_were_accepted_are_not_offered_again(site: BulkSite, run: Run) -> None:
    red = (picture() == COLOURS["red"]).all(-1)
    site.task(1)["annotations"] = [{"id": 5, "was_cancelled": False, "result": bits(red)}]
    assert run("--label", "Red thing") == 0
    assert [len(found[0]["result"]) for found in site.predictions().values()] == [0, 2, 2]


def test_what_was_learned_of_the_project_is_used(site: BulkSite, run: Run, tmp_path: Path) -> None:
    lesson = Learned(terms_of(Settings()).models, {"Red thing": Lesson("1", phrases=("blue",))})
    database = Database(f"sqlite:///{tmp_path}/own.db")
    with database.writing() as connection:
        revisions.adopt(connection, KEY, Draft("a test", {}, encode(lesson)), 0)
    database.close()
    assert run("--label", "Red thing", "--limit", "1") == 0
    [prediction] = site.task(1)["predictions"]
    assert prediction["model_version"].startswith(f"{version_of(BITMASK, 1)}-asked-")
    masks = {item["value"]["imageDataURL"] for item in prediction["result"]}
    assert np.array_equal(bitmask.decode(masks.pop()), (picture() == COLOURS["blue"]).all(-1))


def test_a_dry_run_counts_and_stores_nothing(site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--limit", "1")
    assert run("--dry-run") == 0
    assert versions(site) == [[VERSION], [], []]
    assert "project 1: 2 to do, 1 skipped, 0 failed" in capsys.readouterr().out


def test_a_limit_counts_tasks_that_are_predicted(site: BulkSite, run: Run) -> None:
    run("--limit", "1")
    run("--limit", "1")
    assert versions(site) == [[VERSION], [VERSION], []]


def test_a_task_without_its_picture_costs_that_task_alone(
    site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    site.fake.site.routes["/data/2.png"] = status_only(404)
    assert run() == 1
    assert versions(site) == [[VERSION], [], [VERSION]]
    out = capsys.readouterr().out
    assert "project 1: 2 done, 0 skipped, 1 failed" in out
    assert f"task 2: image: 404 from {site.fake.url}/data/2.png" in out


def test_a_prediction_that_is_refused_costs_that_task_alone(
    site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    site.before = lambda task: broken(400)(task) if task == 2 else None
    assert run() == 1
    assert versions(site) == [[VERSION], [], [VERSION]]
    assert "task 2: 400 from" in capsys.readouterr().out


def test_a_task_that_is_deleted_meanwhile_is_told(site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def deleted(task: int) -> None:
        site.fake.tasks = [one for one in site.fake.tasks if task != 2 or one["id"] != 2]

    site.fetched = deleted
    assert run() == 1
    assert versions(site) == [[VERSION], [VERSION]]
    assert "task 2: it was deleted meanwhile" in capsys.readouterr().out


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_was_not_answered_is_asked_again_and_stored_once(site: BulkSite, run: Run, moment: str) -> None:
    def once(_: int) -> Answer | None:
        return broken(503)(0) if len(site.asked) == 1 else None

    setattr(site, moment, once)
    assert run() == 0
    assert versions(site) == [[VERSION]] * 3
    assert site.asked == ([1, 1, 2, 3] if moment == "before" else [1, 2, 3])


def test_a_page_that_is_not_told_is_asked_for_again(site: BulkSite, run: Run) -> None:
    listed, answers = site.fake.listed, iter([status_only(503), status_only(502)])
    site.fake.site.routes["/api/tasks/"] = lambda seen: next(answers, listed)(seen)
    assert run() == 0
    assert versions(site) == [[VERSION]] * 3


def test_a_label_studio_that_stays_away_ends_it_with_a_report(
    site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    site.before = lambda task: broken(503)(task) if task > 1 else None
    assert run() == 1
    assert site.asked == [1, 2, 2, 2]
    told = capsys.readouterr()
    assert "project 1: 1 done, 0 skipped, 0 failed" in told.out
    assert "503 from" in told.err


def test_typed_texts_are_looked_for_in_place_of_the_labels(site: BulkSite, run: Run) -> None:
    assert run("--label", "Red thing", "--text", "the blue square") == 0
    assert run("--label", "Red thing", "--text", "the blue square") == 0
    for [prediction] in site.predictions().values():
        [shape, label] = prediction["result"]
        assert label["value"]["labels"] == ["Red thing"]
        assert np.array_equal(bitmask.decode(shape["value"]["imageDataURL"]), (picture() == COLOURS["blue"]).all(-1))
        assert prediction["model_version"].startswith(f"{VERSION}-asked-")


def test_another_question_has_another_model_version(site: BulkSite, run: Run) -> None:
    for arguments in ([], ["--label", "Red thing"], ["--text", "the red thing"], ["--text", "the blue thing"]):
        assert run(*arguments, "--limit", "1") == 0
    assert len(set(versions(site)[0])) == 4
    assert versions(site)[1:] == [[], []]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label", "Zebra"], "--label Zebra: the project has no such label; its labels: Red thing, Blue thing"),
        (["--label", "Red thing", "--text", "a", "--text", "b"], "1 --label and 2 --text"),
        (["--text", " "], "--text is empty"),
        (["--limit", "0"], "--limit is 0, but has to be at least 1"),
        (["--project", "7"], "project 7 is not on"),
        (["--api-key", "f" * 40], "check ANYWORD_LABEL_STUDIO_API_KEY"),
    ],
)
def test_what_cannot_start_ends_with_its_reason(
    run: Run, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_cluster_needs_ray(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run("--cluster") == 2
    assert "--cluster needs Ray: python -m pip install -r requirements-cluster.txt" in capsys.readouterr().err


def test_a_project_that_cannot_be_served_is_refused(
    site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    site.fake.project = project(WITHOUT_MASK)
    assert run() == 2
    assert "Labeling config needs <Brush> or <Bitmask>" in capsys.readouterr().err


def test_tasks_without_their_predictions_are_not_done_twice(site: BulkSite, run: Run) -> None:
    del site.task(1)["predictions"]
    assert run() == 2
    assert site.asked == []


def test_a_prediction_of_another_run_is_counted_apart(
    site: BulkSite, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another run stores a task's prediction between our reading of the list and our writing."""
    told = {"id": 99, "model_version": VERSION, "result": []}
    site.fetched = lambda task: site.task(task)["predictions"].append(told) if task == 2 else None
    assert run() == 0
    assert [len(found) for found in site.predictions().values()] == [1, 1, 1]
    assert "2 done, 1 already there, 0 skipped, 0 failed" in capsys.readouterr().out


def test_offers_that_the_database_does_not_take_are_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its disk is full, say: the predictions are stored, and learning will not know what was offered."""

    def full(*_: object) -> None:
        raise Unavailable("The database is full")

    monkeypatch.setattr("backend.inference.prediction_log.offers.offer", full)
    assert run() == 1
    said = capsys.readouterr()
    assert "3 done, 0 skipped, 0 failed" in said.out
    assert "6 offered regions were not remembered" in said.err

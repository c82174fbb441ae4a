"""`python -m backend preannotate` beside a real Label Studio: killed in the middle, gone on with, narrowed, refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.samples import CONFIG, clear_scenes, label_of, name_of
from backend.server.child_process import ROOT
from backend.settings import PREFIX
from tests.e2e.conftest import Album, album_of
from tests.e2e.label_studio import Project, create_project
from tests.e2e.servers import Address
from tests.e2e.stored import masks_by_label, overlap
from tests.faults.waiting import until

TASKS, SIDE = 12, 256
SEEN = 3  # predictions after which the command is killed
PATIENCE = 200.0  # seconds
FLOOR = 0.5  # mean intersection over union that tells a broken path from a working one


@pytest.fixture(scope="module")
def dozen(folder: Path) -> Album:
    return album_of(clear_scenes(TASKS, SIDE), folder)


@pytest.fixture(scope="module")
def project(server: Address, dozen: Album) -> Project:
    """A project that no model is connected to."""
    return Project(server, create_project(server, "bulk", CONFIG, dozen.files), "bulk", 0)


@pytest.fixture
def environ(folder: Path, server: Address) -> dict[str, str]:
    return {
        "ANYWORD_PRESET_BATCH": "fast",
        "ANYWORD_LABEL_STUDIO_URL": server.url,
        "ANYWORD_LABEL_STUDIO_API_KEY": server.key,
        "ANYWORD_DATABASE": f"sqlite:///{folder / 'bulk.sqlite'}",
    }


def started(environ: dict[str, str], project: int, *arguments: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "backend", "preannotate", "--project", str(project), *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=inherited | environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def versions(project: Project) -> list[list[str]]:
    """The model versions of each task's predictions, in the order of the import."""
    return [[str(each["model_version"]) for each in task["predictions"]] for task in project.tasks()]


def done(project: Project) -> int:
    """How many tasks have a prediction."""
    return sum(bool(each) for each in versions(project))


def test_a_job_that_was_killed_is_gone_on_with(project: Project, dozen: Album, environ: dict[str, str]) -> None:
    first = started(environ, project.id)
    until("some predictions", lambda: done(project) >= SEEN or first.poll() is not None, PATIENCE)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    before = done(project)
    assert (first.returncode, SEEN <= before < TASKS) == (-signal.SIGKILL, True), before
    second = started(environ, project.id)
    out, errors = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, errors
    assert f"project {project.id}: {TASKS - before} done, {before} skipped, 0 failed" in out
    assert {len(each) for each in versions(project)} == {1}
    [version] = {version for each in versions(project) for version in each}
    assert f"model version {version}: {TASKS - before}" in out
    assert mean_overlap(project, dozen) >= FLOOR


def mean_overlap(project: Project, album: Album) -> float:
    """How well the only prediction of each task covers the things of its picture."""
    pairs = zip(project.tasks(), album.scenes, strict=True)
    return float(
        np.mean([overlap(task["predictions"][0]["result"], thing) for task, scene in pairs for thing in scene.objects])
    )


def test_one_label_with_a_text_of_its_own(project: Project, dozen: Album, environ: dict[str, str]) -> None:
    thing = dozen.scenes[0].objects[0]
    narrowing = ["--label", label_of(thing), "--text", name_of(thing), "--limit", "1"]
    out, errors = (asked := started(environ, project.id, *narrowing)).communicate(timeout=PATIENCE)
    assert (asked.returncode, f"project {project.id}: 1 done, 0 skipped, 0 failed" in out) == (0, True), errors
    stored = project.tasks()[0]["predictions"]
    narrowed = [each for each in stored if "-asked-" in each["model_version"]]
    assert (len(stored), len(narrowed)) == (2, 1)
    assert set(masks_by_label(narrowed[0]["result"], thing.mask.shape)) == {label_of(thing)}
    assert overlap(narrowed[0]["result"], thing) >= FLOOR


def test_what_is_wrong_is_told_before_any_model_is_loaded(project: Project, environ: dict[str, str]) -> None:
    told = {
        "check ANYWORD_LABEL_STUDIO_API_KEY": started(environ, project.id, "--api-key", "0" * 40),
        "project 999999 is not on": started(environ, 999_999),
        "--label Zebra: the project has no such label": started(environ, project.id, "--label", "Zebra"),
        "--limit is 0": started(environ, project.id, "--limit", "0"),
    }
    for message, command in told.items():
        out, errors = command.communicate(timeout=PATIENCE)
        assert (command.returncode, out) == (2, ""), errors
        assert message in errors
        assert "Traceback" not in errors

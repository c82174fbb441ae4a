"""What the Dockerfile does, in a folder: a clean virtual environment, what is copied, and the command that is run."""

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from backend.samples import CONFIG
from backend.server.child_process import free_port, running
from tests.docker.files import FOLDER, ROOT, environment, instructions

DOCKERFILE = FOLDER / "Dockerfile"
BUILT = instructions(DOCKERFILE)


def of(word: str) -> list[str]:
    return [rest for name, rest in BUILT if name == word]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image's /app with its packages in /opt/venv: those of the plain index, as in the CUDA target."""
    place = tmp_path_factory.mktemp("image")
    venv.create(place / "venv", with_pip=True, symlinks=True)
    install = of("RUN")[-2].split("&&")[-1].split()
    assert install == ["pip", "install", "--no-cache-dir", "-r", "requirements.txt"]
    command = [str(place / "venv/bin/python"), "-m", *install, "--quiet", "--no-compile"]
    subprocess.run(command, cwd=ROOT, check=True)
    for source, target in (copied.split() for copied in of("COPY") if "--from" not in copied):
        if source == "requirements.txt":
            continue
        (place / "app" / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place / "app" / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place / "app" / target)
    yield place
    shutil.rmtree(place / "venv")  # gigabytes, which pytest would keep


def environ(image: Path, port: int) -> dict[str, str]:
    """The image's variables; its /data is a folder, its port a free one, and Python does not see this checkout."""
    own = {**environment(DOCKERFILE), "ANYWORD_HOST": "127.0.0.1", "ANYWORD_PORT": str(port)}
    places = {"ANYWORD_DATABASE": f"sqlite:///{image}/data.db", "HF_HOME": str(image / "hub")}
    return {**own, **places, "PATH": f"{image}/venv/bin:{os.environ['PATH']}", "PYTHONPATH": "", "PYTHONSAFEPATH": ""}


def test_the_image_serves_from_what_was_copied_and_writes_nothing_there(image: Path) -> None:
    port = free_port()
    before = sorted(map(str, (image / "app").rglob("*")))
    command = [*json.loads(of("ENTRYPOINT")[0]), *json.loads(of("CMD")[0])]
    given = environ(image, port)
    start = ["env", "-C", str(image / "app"), *command]
    with running(start, given, image / "log", (f"http://127.0.0.1:{port}/ready", 180)):
        body = {"project": "1.1", "schema": CONFIG, "hostname": "", "access_token": ""}
        answer = requests.post(f"http://127.0.0.1:{port}/setup", json=body, timeout=30)
        assert answer.json()["model_version"].startswith("anyword-")
        check = json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])
        assert subprocess.run(check, env=given, check=False).returncode == 0
    assert sorted(map(str, (image / "app").rglob("*"))) == before
    assert subprocess.run(check, env=given, check=False, capture_output=True).returncode != 0


def test_weights_are_fetched_by_a_command_that_is_in_the_image(image: Path) -> None:
    told = subprocess.run(
        [image / "venv/bin/python", "-m", "docker.fetch_weights", "--help"],
        cwd=image / "app",
        env=environ(image, 0),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, "sd15" in told.stdout) == (0, True), told.stderr

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image as Pictures

from backend.samples import CLASSIC_CONFIG, CONFIG, clear_scenes
from model.embedded.scenes import Scene
from tests.e2e import servers
from tests.e2e.label_studio import Project, connect, create_project
from tests.e2e.servers import Address

MEMORY = Path("/dev/shm")  # a data folder in memory is six times as fast


@dataclass(frozen=True)
class Album:
    """Scenes and their files, in one order."""

    scenes: Sequence[Scene]
    files: Sequence[Path]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="anyword-e2e-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def album(folder: Path) -> Album:
    scenes = clear_scenes(wanted=6, side=512)
    files = [folder / f"scene-{scene.seed}.png" for scene in scenes]
    for scene, file in zip(scenes, files, strict=True):
        Pictures.fromarray(scene.image).save(file)
    return Album(scenes, files)


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Address]:
    with servers.label_studio(folder) as address:
        yield address


@pytest.fixture(scope="session")
def backend(folder: Path, server: Address) -> Iterator[Address]:
    with servers.backend(folder, server) as address:
        yield address


@pytest.fixture(scope="session", params=["bitmask", "classic"])
def project(request: pytest.FixtureRequest, server: Address, backend: Address, album: Album) -> Project:
    config = {"bitmask": CONFIG, "classic": CLASSIC_CONFIG}[request.param]
    number = create_project(server, request.param, config, album.files)
    answer = connect(server, number, backend)
    assert answer.status_code == 201, answer.text
    return Project(server, number, request.param, int(answer.json()["id"]))

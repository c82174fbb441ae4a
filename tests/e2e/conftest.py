import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from PIL import ExifTags
from PIL import Image as Pictures
from playwright.sync_api import Browser, Page

from backend.samples import CONFIG, FIRST_SEED, LEAST_SHARE, clear_scenes
from model.embedded.scenes import Scene, draw
from tests.backend.classic import CLASSIC_CONFIG
from tests.e2e import people, servers
from tests.e2e.configs import CONFIGS
from tests.e2e.label_studio import Project, connect, create_project
from tests.e2e.servers import Account, Address, Backend

MEMORY = Path("/dev/shm")  # a data folder in memory is six times as fast


@dataclass(frozen=True)
class Album:
    """Scenes and their files, in one order."""

    scenes: Sequence[Scene]
    files: Sequence[Path]


Studio = Callable[[str, Album, Address | Backend], Project]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="anyword-e2e-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def album(folder: Path) -> Album:
    return album_of(clear_scenes(wanted=6, side=512), folder)


@pytest.fixture(scope="session")
def threes(folder: Path) -> Album:
    """Scenes of three things."""
    scenes = [scene for scene in clear_scenes(wanted=12, side=512) if len(scene.objects) == 3]
    return album_of(scenes[:4], folder)


@pytest.fixture(scope="session")
def turned(folder: Path) -> Album:
    """A portrait from a camera that was held upright: its file lies on the side and says so."""
    scene = next(filter(_tells_apart, (draw(seed, (640, 448), most=3) for seed in count(FIRST_SEED))))
    file = folder / f"turned-{scene.seed}.jpg"
    note = Pictures.Exif()
    note[ExifTags.Base.Orientation] = 6  # turn me clockwise
    lying = Pictures.fromarray(scene.image).transpose(Pictures.Transpose.ROTATE_90)
    lying.save(file, quality=95, exif=note)
    return Album([scene], [file])


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Address]:
    with servers.label_studio(folder) as address:
        yield address


@pytest.fixture(scope="session")
def backend(folder: Path, server: Address) -> Iterator[Backend]:
    with servers.backend(folder, server) as ours:
        yield ours


@pytest.fixture(scope="session", params=["bitmask", "classic"])
def project(request: pytest.FixtureRequest, server: Address, backend: Backend, album: Album) -> Project:
    config = {"bitmask": CONFIG, "classic": CLASSIC_CONFIG}[request.param]
    return _connected(server, request.param, config, album, backend)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with people.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def page(browser: Browser, server: Address) -> Page:
    """The page of the owner, who is logged in."""
    return people.log_in(browser, server, server.owner)


@pytest.fixture(scope="session")
def guest(browser: Browser, server: Address) -> Page:
    """The page of a second annotator, who has just signed up."""
    return people.sign_up(browser, server, Account("guest@example.com"))


@pytest.fixture
def studio(server: Address) -> Studio:
    """Makes a project with one of the configs A to D for an album."""
    return lambda config, album, backend: _connected(server, f"Config {config}", CONFIGS[config], album, backend)


def album_of(scenes: Sequence[Scene], folder: Path) -> Album:
    """Save scenes as files."""
    files = [folder / f"scene-{scene.seed}-{scene.image.shape[1]}.png" for scene in scenes]
    for scene, file in zip(scenes, files, strict=True):
        Pictures.fromarray(scene.image).save(file)
    return Album(scenes, files)


def _tells_apart(scene: Scene) -> bool:
    """Whether there are several things, well visible, no two of one shape."""
    shapes = {thing.kind.shape for thing in scene.objects}
    visible = all(thing.mask.mean() >= LEAST_SHARE for thing in scene.objects)
    return len(shapes) == len(scene.objects) >= 2 and visible


def _connected(server: Address, title: str, config: str, album: Album, backend: Address | Backend) -> Project:
    number = create_project(server, title, config, album.files)
    answer = connect(server, number, backend)
    assert answer.status_code == 201, answer.text
    return Project(server, number, title, int(answer.json()["id"]))

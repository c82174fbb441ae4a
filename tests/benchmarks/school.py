"""A backend that is told of 500 corrections by webhook and learns from them: how long, how large, how much slower."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

import numpy as np
import requests
from PIL import Image as Pictures

from backend.server.child_process import serving
from model.types import Image, Mask
from tests.benchmarks.figures import Figure
from tests.benchmarks.lessons import Story, filled, shape, with_objects
from tests.faults.studio import Studio, configured, task

CORRECTIONS = 500
SIDE = 1024  # pixels
TURNS = 8  # ways to turn and mirror a picture
FIRST = 60_000_000  # seeds that nothing else uses
ASKED = 24  # pairs of pictures that predictions are timed on
PATIENCE = 1200.0  # seconds until a revision is given up


Pixels = TypeVar("Pixels", Image, Mask)


@dataclass(frozen=True, slots=True)
class School:
    """A backend that runs with a database and a folder of pictures of its own."""

    url: str
    folder: Path

    def post(self, path: str, body: object) -> tuple[Any, float]:
        """Send a request; what it answers, and after how many seconds."""
        started = time.perf_counter()
        answer = requests.post(self.url + path, json=body, timeout=100)
        spent = time.perf_counter() - started
        answer.raise_for_status()
        return answer.json(), spent

    def version(self, studio: Studio) -> str:
        """The model version of a project."""
        return str(self.post("/setup", studio.setup())[0]["model_version"])

    def picture(self, number: int, image: Image) -> dict[str, Any]:
        """A task with a picture (H, W, 3)."""
        Pictures.fromarray(image).save(self.folder / f"{number}.jpg", quality=92)
        return task(number, f"/data/local-files/?d={number}.jpg")


def costs(folder: Path) -> Iterator[Figure]:
    """Learn settings from filled rings, and embeddings from a word that the model does not know."""
    settings, word = Story({"ring": filled(shape("ring"))}), Story({"glorp": shape("star")})
    yield from _course(folder / "settings", settings, "settings", 60)
    yield from _course(folder / "embedding", word, "embeddings", 300)


def _course(folder: Path, story: Story, what: str, budget: float) -> Iterator[Figure]:
    folder.mkdir()
    database = folder / "anyword.sqlite"
    environ = {"ANYWORD_LOCAL_FILES_ROOT": str(folder), "ANYWORD_DATABASE": f"sqlite:///{database}"}
    with serving({**environ, "ANYWORD_PREFETCH": "0"}, folder / "log") as url:
        school, studio = School(url, folder), Studio(configured(list(story.means)))
        base = school.version(studio)
        told = sorted(_tell(school, studio, story))
        yield Figure(f"webhook, {len(told)} corrections, 95th percentile", 1000 * quantiles(told, n=20)[-1], "ms", 50)
        spent = _learned(school, studio, base)
        yield Figure(f"{what} from {len(told)} corrections", spent, "s", budget)
        size = sum(file.stat().st_size for file in folder.glob(f"{database.name}*"))
        yield Figure("database, of each correction", size / len(told) / 1000, "KB", 20)
        yield _slower(school, studio, Studio(studio.config, id=2), story)


def _tell(school: School, studio: Studio, story: Story) -> Iterator[float]:
    """Tell of one annotation for each picture; how long each webhook took."""
    for number, (image, masks) in enumerate(_turned(story, FIRST, CORRECTIONS), start=1):
        body = studio.annotated(number, school.picture(number, image), masks)
        yield school.post("/webhook", body)[1]


def _learned(school: School, studio: Studio, base: str) -> float:
    """Seconds from Start Training until there is a new version."""
    started = time.perf_counter()
    school.post("/webhook", studio.event("START_TRAINING"))
    while school.version(studio) == base:
        if time.perf_counter() - started > PATIENCE:
            raise AssertionError(f"no revision after {PATIENCE:.0f} s: see {school.folder / 'log'}")
        time.sleep(0.5)
    return time.perf_counter() - started


def _slower(school: School, taught: Studio, plain: Studio, story: Story) -> Figure:
    """A project with a revision beside one without, each asked of every picture first once in two."""
    school.version(plain)
    ratios = []
    for number, (image, _) in enumerate(_turned(story, FIRST + 500_000, ASKED)):
        pair = (taught, plain) if number % 2 else (plain, taught)
        spent = {
            studio.id: _predict(school, studio, number, np.ascontiguousarray(np.roll(image, turn, axis=0)))
            for turn, studio in enumerate(pair)
        }
        ratios.append(spent[taught.id] / spent[plain.id])
    return Figure(f"prediction with a revision, median of {ASKED} pairs", median(ratios[2:]), "times", 1.05)


def _predict(school: School, studio: Studio, number: int, image: Image) -> float:
    asked = school.picture(CORRECTIONS + 1 + 2 * number + studio.id, image)
    return school.post("/predict", studio.predict([asked]))[1]


def _turned(story: Story, first: int, wanted: int) -> Iterator[tuple[Image, Mapping[str, Sequence[Mask]]]]:
    """As many pictures with their masks: scenes of one object, turned and mirrored so that no two are alike."""
    drawn = list(islice(with_objects(story, first, SIDE, most=1), -(-wanted // TURNS)))
    for number in range(wanted):
        scene, turn = drawn[number % len(drawn)], number // len(drawn)
        masks = {label: [_turn(mask, turn) for mask in several] for label, several in story.truth(scene).items()}
        yield _turn(scene.image, turn), masks


def _turn(pixels: Pixels, number: int) -> Pixels:
    """One of the eight ways in which a square picture can lie."""
    turned = np.rot90(pixels, number % 4)
    return np.ascontiguousarray(turned[:, ::-1] if number >= 4 else turned)

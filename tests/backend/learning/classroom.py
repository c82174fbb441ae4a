"""A project with annotations, and something small in the place of model/learning/learn.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from backend.inference.model_loader import ModelLoader
from backend.learning.dataset import Terms
from backend.learning.lease import Steps
from backend.learning.run import Learn, LearningRun
from backend.learning.triggers import LearningTrigger
from backend.observability.metrics import Metrics
from backend.pictures.images import Images, ImageSource
from backend.store import annotation_rows, projects
from backend.store.database import Database
from backend.store.projects import Project
from backend.webhooks.corrections import Annotation, Correction
from model.coco_rle import pack
from model.learning.dataset.learning_examples import Curriculum
from model.runtime.scheduler import Scheduler
from model.types import Lesson
from tests.backend import calls
from tests.backend.colour_engine import ColourEngine

KEY = "7.1763650000"
CONFIG = calls.BRUSH
TERMS = Terms("the test's models", "fast", True)
ASKED = LearningTrigger(KEY, "a test")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEPS = 8


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict, without the models that the real one's module brings along."""

    adopted: bool = True
    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    reason: str = "better on held-out pictures"


def by_steps(
    _: object, curriculum: Curriculum, saved: Steps, give_way: Callable[[], None], work: Callable[[int], object] = bool
) -> Any:
    """Learn what the steps were, each saved; `work` is done for every step that is not saved yet."""
    phrases = []
    for number in range(STEPS):
        give_way()
        known = saved.get(f"step {number}")
        if known is None:
            work(number)
            known = str(number).encode()
            saved.put(f"step {number}", known)
        phrases.append(known.decode())
    return Told(lessons={"Thing": Lesson(f"{len(curriculum.examples)}", tuple(phrases))})


def nothing(*_: object) -> Any:
    """Learn nothing."""
    return Told(adopted=False, reason="no better")


def school_of(database: Database, learn: Learn, lane: Scheduler, lease: float = 60.0) -> LearningRun:
    """A school with a small engine."""
    metrics = Metrics(lambda: 0)
    return LearningRun(database, lane, ModelLoader(ColourEngine), Images(ImageSource()), metrics, learn, TERMS, lease)


def annotated(database: Database, *numbers: int, key: str = KEY) -> None:
    """Have annotations made, each of a task of its own with one mask."""
    mask = np.zeros((60, 80), np.bool_)
    mask[8:20, 10:30] = True
    with database.writing() as connection:
        projects.see(connection, Project(key, "", "A project", CONFIG))
        for number in numbers:
            correction = Correction(f"r{number}", "Thing", pack(mask))
            address = calls.data_uri(calls.picture())
            when = NOON + timedelta(minutes=number)
            annotation_rows.keep(
                connection, key, Annotation(number, number, address, "anna", when, corrections=(correction,))
            )

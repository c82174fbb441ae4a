"""A database in which a project learned something, as the learner leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from backend.learning.lesson_codec import Learned, encode
from backend.server.app import terms_of
from backend.store import projects, revisions, runs
from backend.store.annotation_rows import Basis
from backend.store.database import Database
from backend.store.projects import Project
from backend.store.revisions import Draft
from backend.store.runs import RunVerdict
from model.learning.dataset.before_after import HeldOutLabel, shown
from model.types import Lesson
from tests.backend import calls
from tests.backend.clients import SETTINGS

KEY, OTHER = "12.1763650000", "12.1763650999"
STUDIO = Project(KEY, "http://me:pw@studio:8080", "Dogs and stars")
ELSEWHERE = Project(OTHER, "http://other:8080", "Ships")
STAR = Lesson("a1", ("glorp",), {"prompting": {"threshold": 0.4}}, {"glorp": np.full((2, 768), 0.5, np.float32)})
RING = Lesson("b2", (), {"finish": {"fill_holes": True}}, {}, False)
SECONDS = 60.0
MODELS = terms_of(SETTINGS).models


@dataclass(frozen=True)
class Try:
    """One run of learning: pictures used, scores, what is adopted by label, and labels that lack pictures."""

    pictures: int
    before: float
    after: float
    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


FIRST = Try(5, 0.18, 0.79, {"Star": STAR}, {"Ring": 3}, {"Star": ("asked as 'glorp'", "embeddings of 'glorp'")})
REFUSED = Try(7, 0.78, 0.74, missing={"Ring": 1})
SECOND = Try(8, 0.77, 0.88, {"Star": STAR, "Ring": RING}, {}, {"Ring": ("holes are filled",)})
STORY = (FIRST, REFUSED, SECOND)


def figures(story: Try) -> dict[str, Any]:
    """Figures as learning leaves them."""
    labels = {
        label: {
            "pictures": max(0, 5 - story.missing.get(label, 0)),
            "objects": 6,
            "before": story.before,
            "after": story.after,
            "low": 0.1,
            "high": 0.3,
            "missing": story.missing.get(label, 0),
            "adopted": label in story.changes,
            "changes": list(story.changes.get(label, ())),
        }
        for label in ("Star", "Ring")
    }
    overall = {"before": story.before, "after": story.after}
    counts = {"examples": story.pictures, "used": story.pictures, "left_out": 0}
    return {"labels": labels, "overall": overall, **counts, "pictures": [_picture()]}


def database(folder: Path) -> Database:
    """An empty database."""
    return Database(f"sqlite:///{folder / 'anyword.db'}")


def teach(store: Database, project: Project = STUDIO, story: tuple[Try, ...] = STORY) -> None:
    """Let a project learn, one try after another."""
    with store.writing() as connection:
        projects.see(connection, project)
        projects.note_webhook(connection, project.key, datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
        for number, each in enumerate(story):
            run = runs.claim(connection, project.key, Basis(each.pictures, str(number)), "test", SECONDS)
            assert run is not None
            adopted = None
            if each.lessons:
                lessons = encode(Learned(MODELS, each.lessons))
                draft = Draft(f"{each.pictures} corrected pictures", figures(each), lessons)
                adopted = revisions.adopt(connection, project.key, draft, run.parent)
            reason = "better on held-out pictures" if each.lessons else "no better on held-out pictures"
            runs.finish(connection, run, RunVerdict(adopted, figures(each), reason))


def _picture() -> dict[str, Any]:
    image = calls.picture(48, 64)
    red, blue = image[..., 0] > 150, image[..., 2] > 150
    return shown(HeldOutLabel("7", "Star", (red,), (blue,), (red,)), image)

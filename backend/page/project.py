"""What the page of a project shows, read from the database in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from backend.inference.model_version import same_models
from backend.learning.describe import Lessons, lesson_lines
from backend.learning.lesson_codec import decode
from backend.learning.manage import identifier
from backend.learning.progress import progress
from backend.learning.revision_figures import HeldOutPicture, LabelFigures, RevisionFigures, read
from backend.page.curve import Curve, CurvePoint, curve
from backend.store import annotation_rows, revisions, runs
from backend.store.connection.clock import now
from backend.store.projects import Project
from backend.store.revisions import Revision
from backend.store.runs import Judged, Run
from model.errors import Misconfigured

MOST_TRIALS = 40  # in the learning curve; the newest


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label: the figures of what was tried last, and the lesson in force in words."""

    last: LabelFigures
    learned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One revision: its figures, why it was learned, and what changed, a line for each label."""

    number: int
    when: float
    cause: str
    pictures: int
    before: float
    after: float
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectView:
    """Everything about one project. Times are in seconds since 1970; `number` 0: nothing learned is in force.

    trouble: why the revision in force answers nothing, empty where it does.
    """

    key: str
    id: str
    title: str
    server: str
    number: int
    pinned: bool
    trouble: str
    annotations: int
    last_event: float | None
    last_sync: float | None
    doing: str
    outcome: str
    missing: tuple[str, ...]
    curve: Curve | None
    labels: tuple[LabelRow, ...]
    scenes: tuple[HeldOutPicture, ...]
    revisions: tuple[RevisionRow, ...]


def view(connection: Connection, project: Project, models: str) -> ProjectView:
    """The project as it stands; `models` are those that answer here."""
    judged, kept = runs.verdicts(connection, project.key), revisions.history(connection, project.key)
    number, pinned = revisions.number_in_force(connection, project.key), revisions.pinned(connection, project.key)
    chosen = next((each for each in kept if each.number == number), None)
    lessons, trouble = _lessons(chosen, models)
    last = read(judged[-1].verdict.figures) if judged else None
    return ProjectView(
        key=project.key,
        id=identifier(project),
        title=project.title or f"Project {identifier(project)}",
        server=project.hostname,
        number=number,
        pinned=pinned,
        trouble=trouble,
        annotations=annotation_rows.basis(connection, project.key).count,
        last_event=_seconds(project.last_webhook),
        last_sync=_seconds(project.last_sync),
        doing=_doing(runs.current(connection, project.key), pinned, now(connection)),
        outcome=judged[-1].verdict.reason if judged else "",
        missing=progress(connection, project.key).lines,
        curve=_curve(judged),
        labels=_labels(last, lessons),
        scenes=_scenes(judged),
        revisions=tuple(_row(each) for each in reversed(kept)),
    )


def _doing(run: Run | None, pinned: bool, moment: datetime) -> str:
    """What the learner of any process does; a run whose lease is over waits for somebody to go on with it."""
    if run is None:
        return "nothing: the project is pinned" if pinned else "waits for more annotations, or for Start Training"
    return f"learns: {run.doing}" if run.expires > moment else "was interrupted, and goes on soon"


def _curve(judged: Sequence[Judged]) -> Curve | None:
    """The curve of the runs that had pictures to be judged on."""
    told = [(read(each.verdict.figures), each.verdict.revision) for each in judged[-MOST_TRIALS:]]
    trials = [CurvePoint(each.pictures, each.before, each.after, number) for each, number in told if each.pictures]
    return curve(trials) if trials else None


def _lessons(chosen: Revision | None, models: str) -> tuple[Lessons, str]:
    """The lessons in force, and why they answer nothing."""
    if chosen is None:
        return {}, ""
    try:
        learned = decode(chosen.lessons)
    except Misconfigured as error:  # the page has the buttons that lead out of it
        return {}, str(error)
    if learned.lessons and not same_models(learned.models, models):
        return learned.lessons, f"learned with other models, and not used with these ({models}): {learned.models}"
    return learned.lessons, ""


def _labels(last: RevisionFigures | None, lessons: Lessons) -> tuple[LabelRow, ...]:
    return tuple(LabelRow(each, lesson_lines(lessons.get(each.label))) for each in (last.labels if last else ()))


def _scenes(judged: Sequence[Judged]) -> tuple[HeldOutPicture, ...]:
    """The pictures of the newest verdict that has some."""
    told = (read(each.verdict.figures).scenes for each in reversed(judged))
    return next((scenes for scenes in told if scenes), ())


def _row(revision: Revision) -> RevisionRow:
    figures, when = read(revision.figures), revision.created.timestamp()
    changes = tuple(f"{each.label}: {'; '.join(each.changes)}" for each in figures.labels if each.adopted)
    scores = figures.pictures, figures.before, figures.after
    return RevisionRow(revision.number, when, revision.cause, *scores, changes)


def _seconds(when: datetime | None) -> float | None:
    return None if when is None else when.timestamp()

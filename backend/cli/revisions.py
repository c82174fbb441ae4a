"""`python -m backend revisions`: what was learned for a project, how good it is, and the way back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

from sqlalchemy import Connection

from backend.learning.describe import Lessons, differences, lesson_lines
from backend.learning.lesson_codec import decode
from backend.learning.manage import ACTIONS, identifier, manage, named
from backend.learning.revision_figures import read, score
from backend.page.pages import moment, shown
from backend.settings import Settings
from backend.store import projects, revisions
from backend.store.database import Database
from backend.store.projects import Project
from backend.store.revisions import Revision
from model.errors import AnywordError, BadQuery, Unavailable

Lines = Iterator[str]


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what was asked, print it, and return the exit status: 2 for what cannot be meant, 1 without a database."""
    try:
        with closing(Database(settings.database)) as database:
            opened = database.writing if options.action in ACTIONS else database.reading
            with opened() as connection:
                lines = tuple(_answer(connection, options))
    except AnywordError as error:
        print(f"python -m backend revisions: {error}", file=sys.stderr)
        return 1 if isinstance(error, Unavailable) else 2
    print("\n".join(lines))
    return 0


def _answer(connection: Connection, options: argparse.Namespace) -> Lines:
    project = _project(connection, options.project)
    if options.action in LOOKS:
        return LOOKS[options.action](connection, project, options)
    manage(connection, project.key, options.action, getattr(options, "number", 0))
    return iter([_standing(connection, project)])


def _project(connection: Connection, name: str | None) -> Project:
    """The project that is meant. Raises BadQuery where none is, or more than one could be."""
    known = projects.all_projects(connection)
    if not known:
        raise BadQuery("no project is known yet: connect one in Label Studio (Settings, Model)")
    meant = known if name is None else named(known, name)
    if len(meant) == 1:
        return meant[0]
    trouble = "several projects could be meant, choose one" if meant else f"no project {name} is known, choose from"
    rows = [(f"  --project {each.key}", shown(each.hostname), each.title) for each in meant or known]
    raise BadQuery("\n".join([f"{trouble}:", *_aligned(rows)]))


def _list(connection: Connection, project: Project, _: argparse.Namespace) -> Lines:
    yield _standing(connection, project)
    chosen = revisions.number_in_force(connection, project.key)
    rows = [_row(each, each.number == chosen) for each in reversed(revisions.history(connection, project.key))]
    if rows:
        yield ""
        yield from _aligned([("revision", "when", "pictures", "score", "", "cause"), *rows])


def _row(revision: Revision, chosen: bool) -> tuple[str, ...]:
    figures, when = read(revision.figures), moment(revision.created.timestamp())
    gain = f"{score(figures.before)} -> {score(figures.after)}"
    return str(revision.number), when, str(figures.pictures), gain, "in force" if chosen else "", revision.cause


def _show(connection: Connection, project: Project, options: argparse.Namespace) -> Lines:
    revision = _revision(connection, project, options.number)
    figures, learned = read(revision.figures), decode(revision.lessons)
    yield f"Revision {revision.number} of {_called(project)}, {moment(revision.created.timestamp())}"
    yield f"Learned on top of: {f'revision {revision.parent}' if revision.parent else 'nothing learned'}"
    yield f"Learned with:      {learned.models}"
    yield f"Cause:             {revision.cause}"
    yield f"Score:             {score(figures.before)} -> {score(figures.after)}, {figures.pictures} held-out pictures"
    yield ""
    rows = [
        (each.label, str(each.pictures), f"{score(each.before)} -> {score(each.after)}", "; ".join(each.changes))
        for each in figures.labels
    ]
    yield from _aligned([("label", "pictures", "score", "what changed"), *rows])
    yield from _listed({label: lesson_lines(lesson) for label, lesson in learned.lessons.items()})


def _diff(connection: Connection, project: Project, options: argparse.Namespace) -> Lines:
    one, other = (_lessons(connection, project, number) for number in (options.number, options.other))
    differing = differences(one, other)
    yield f"From revision {options.number} to {options.other} of {_called(project)}:"
    yield from _listed(differing) if differing else ["no difference"]


def _listed(lines: Mapping[str, Sequence[str]]) -> Lines:
    """Lines under the label that they are about."""
    for label, told in lines.items():
        yield from ("", label, *(f"  {line}" for line in told))


def _lessons(connection: Connection, project: Project, number: int) -> Lessons:
    return decode(_revision(connection, project, number).lessons).lessons if number else {}


def _revision(connection: Connection, project: Project, number: int) -> Revision:
    revision = revisions.get(connection, project.key, number)
    if revision is None:
        raise BadQuery(f"project {identifier(project)} has no revision {number}; `list` shows what it has")
    return revision


def _standing(connection: Connection, project: Project) -> str:
    number = revisions.number_in_force(connection, project.key)
    pinned = ", pinned" if revisions.pinned(connection, project.key) else ""
    return f"{_called(project)}: {f'revision {number}' if number else 'nothing learned'} is in force{pinned}"


def _called(project: Project) -> str:
    """A project as people know it: project 12 "Dogs" on http://studio:8080."""
    title = f' "{project.title}"' if project.title else ""
    return f"project {identifier(project)}{title}{f' on {shown(project.hostname)}' if project.hostname else ''}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Lines:
    """Rows of a table as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


LOOKS: Mapping[str, Callable[[Connection, Project, argparse.Namespace], Lines]] = {
    "list": _list,
    "show": _show,
    "diff": _diff,
}

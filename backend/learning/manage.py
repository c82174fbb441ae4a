"""What a person can do about what a project learned, from the command line and from its page."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from backend.store import revisions
from backend.store.projects import Project
from model.errors import BadQuery

ACTIONS = ("rollback", "pin", "unpin", "reset")


def manage(connection: Connection, project: str, action: str, number: int = 0) -> None:
    """Do one of `ACTIONS`; `number` is the revision that a rollback puts in force, 0 for nothing learned.

    Raises BadQuery for another action, and for a revision that the project does not have.
    """
    match action:
        case "rollback":
            revisions.switch(connection, project, number)
        case "pin" | "unpin":
            revisions.pin(connection, project, action == "pin")
        case "reset":
            revisions.reset(connection, project)
        case _:
            raise BadQuery(f"{action!r} is none of {', '.join(ACTIONS)}")


def identifier(project: Project) -> str:
    """Label Studio's id of a project: "12" of "12.1763650000"."""
    return project.key.partition(".")[0]


def named(projects: Iterable[Project], name: str) -> tuple[Project, ...]:
    """The projects that a key or an id means; several servers can have the same id."""
    return tuple(project for project in projects if name in (project.key, identifier(project)))

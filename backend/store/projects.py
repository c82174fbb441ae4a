"""The projects of Label Studio that the backend was asked about."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, func, select

from backend.store.connection.upsert import ensure, upsert
from backend.store.tables import projects


@dataclass(frozen=True, slots=True)
class Project:
    """A project as Label Studio described it last; all but the key is empty until it did.

    last_webhook, last_sync: when an event of it came last and when it was read last through the API, UTC.
    """

    key: str
    hostname: str = ""
    title: str = ""
    label_config: str = ""
    last_webhook: datetime | None = None
    last_sync: datetime | None = None


def see(connection: Connection, project: Project) -> None:
    """Remember how a project is described; the times of its events and syncs stay."""
    described = {name: asdict(project)[name] for name in ("key", "hostname", "title", "label_config")}
    upsert(connection, projects, [described])


def find(connection: Connection, key: str) -> Project | None:
    """The project with this key, where one was seen."""
    row = connection.execute(select(projects).where(projects.c.key == key)).one_or_none()
    return None if row is None else _project(row)


def all_projects(connection: Connection) -> tuple[Project, ...]:
    """Every project, by key."""
    return tuple(map(_project, connection.execute(select(projects).order_by(projects.c.key))))


def note_webhook(connection: Connection, key: str, when: datetime) -> None:
    """Remember that an event of this project came; the latest time stays."""
    _note(connection, key, "last_webhook", when)


def note_sync(connection: Connection, key: str, when: datetime) -> None:
    """Remember that this project was read through the API; the latest time stays."""
    _note(connection, key, "last_sync", when)


def _note(connection: Connection, key: str, name: str, when: datetime) -> None:
    ensure(connection, projects, {"key": key, "hostname": "", "title": "", "label_config": ""})
    later = func.coalesce(projects.c[name] < when, True)
    connection.execute(projects.update().where(projects.c.key == key, later).values({name: when}))


def _project(row: Row[tuple[object, ...]]) -> Project:
    return Project(**row._mapping)

"""`python -m backend sync`: read projects again through Label Studio's API, and say what was found."""

from __future__ import annotations

import sys

from backend.labelstudio.client import LabelStudioClient
from backend.settings import Settings
from backend.store import projects
from backend.store.database import Database
from backend.webhooks.sync import sync
from model.errors import AnywordError, Misconfigured


def run(settings: Settings, wanted: str = "") -> int:
    """Sync the project with this id or key, by default every known one; 1 where one failed, 2 for none at all."""
    try:
        database = Database(settings.database)
        studio = LabelStudioClient(settings.label_studio_url, settings.label_studio_api_key)
        keys = _keys(database, wanted)
    except AnywordError as error:
        print(f"python -m backend sync: {error}", file=sys.stderr)
        return 2
    failed = [key for key in keys if not _synced(database, studio, key)]
    database.close()
    return int(bool(failed))


def _synced(database: Database, studio: LabelStudioClient, key: str) -> bool:
    try:
        print(sync(database, studio, key))
    except AnywordError as error:  # the boundary of one project
        print(f"project {key}: {error}", file=sys.stderr)
        return False
    return True


def _keys(database: Database, wanted: str) -> list[str]:
    with database.reading() as connection:
        known = [project.key for project in projects.all_projects(connection)]
    keys = [key for key in known if wanted in ("", key, key.partition(".")[0])]
    if not keys:
        raise Misconfigured(
            f"project {wanted} is not known here; open it in Label Studio with the backend connected"
            if wanted
            else "no project is known here; connect the backend to one in Label Studio"
        )
    return keys

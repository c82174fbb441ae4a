"""The versions of the model: what is served without anything learned, and each revision that a project has had."""

from __future__ import annotations

from flask import Response, jsonify

from backend.store import revisions
from backend.store.database import Database


class Versions:
    """The route for all of them; a project's revision has the same name as another project's of that number."""

    def __init__(self, database: Database, base: str) -> None:
        self._database = database
        self._base = base

    def versions(self) -> Response:
        """List every version once, the newest first."""
        with self._database.reading() as connection:
            numbers = revisions.numbers(connection)
        return jsonify(versions=[*(f"{self._base}-r{number}" for number in numbers), self._base])

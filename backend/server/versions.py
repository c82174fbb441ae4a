"""The versions of the model: of each project as it is labelled now, and of each revision that it has had."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, jsonify

from backend.inference.model_version import VersionNaming
from backend.labelstudio import label_config
from backend.labelstudio.label_config import LabelConfig
from backend.store import projects, revisions
from backend.store.database import Database
from backend.store.projects import Project
from model.errors import Misconfigured


class Versions:
    """The route for all of them; projects with the same labels share the names of their revisions."""

    def __init__(self, database: Database, naming: VersionNaming) -> None:
        self._database = database
        self._naming = naming

    def versions(self) -> Response:
        """List every version once, the newest revision first."""
        with self._database.reading() as connection:
            configs = {project.key: config_of(project) for project in projects.all_projects(connection)}
            learned = revisions.numbers(connection)
        return jsonify(versions=list(dict.fromkeys(self._named(configs, learned))))

    def _named(self, configs: Mapping[str, LabelConfig | None], learned: tuple[tuple[str, int], ...]) -> list[str]:
        versions = [self._naming.version(number, configs.get(project)) for project, number in learned]
        return [*versions, *(self._naming.version(0, config) for config in configs.values()), self._naming.base]


def config_of(project: Project) -> LabelConfig | None:
    """The labelling config that a project is known to have; None for none, and for one that cannot be served."""
    try:
        return label_config.read(project.label_config) if project.label_config else None
    except Misconfigured:  # nothing is predicted under it
        return None

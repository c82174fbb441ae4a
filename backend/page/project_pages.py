"""The pages of projects: what was learned, and the buttons that put something else in force."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flask import Response, abort, make_response, render_template, request

from backend.inference.model_version import VersionNaming
from backend.learning.manage import ACTIONS, manage, named
from backend.learning.revision_figures import score
from backend.page.pages import GUARDED, Listed, ago, guarded, moment, shown
from backend.page.project import view
from backend.server.versions import config_of
from backend.settings import Settings
from backend.store import projects
from backend.store.database import Database
from backend.store.projects import Project
from backend.webhooks.sync import webhook_missing
from model.errors import Unavailable

WITH_FORMS = {
    **GUARDED,
    "Content-Security-Policy": GUARDED["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'"),
    "Referrer-Policy": "same-origin",  # under "no-referrer" a browser says "Origin: null" of our own forms, too
}

WITHOUT_PASSWORD = "Set ANYWORD_BASIC_AUTH_USER and ANYWORD_BASIC_AUTH_PASSWORD, or use python -m backend revisions"
NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds a project on its page.

    version: the model version in force. unlocked: whether requests have to bring a password; secret:
    whether events have to bring one. webhook_missing: whether annotations came to light that no event told of.
    """

    version: str
    unlocked: bool
    secret: bool
    webhook_missing: bool


class ProjectPages:
    """The page of each project that the database knows."""

    def __init__(self, database: Database, settings: Settings, naming: VersionNaming) -> None:
        self._database = database
        self._settings = settings
        self._naming = naming

    def listed(self) -> Listed:
        """The projects that have a page, for the page at the root, which is there without a database, too."""
        try:
            with self._database.reading() as connection:
                return Listed(projects.all_projects(connection))
        except Unavailable as error:
            return Listed((), str(error))

    def project(self, project: str) -> Response:
        """The page of a project, or a list to choose from where the id means several."""
        with self._database.reading() as connection:
            meant = named(projects.all_projects(connection), project)
            if not meant:
                abort(404, f"Nothing is known of project {project[:60]}: it has to be connected in Label Studio")
            page = view(connection, meant[0], self._naming.models) if len(meant) == 1 else None
        if page is None:
            return guarded(make_response(render_template("projects.html", projects=meant, shown=shown)), WITH_FORMS)
        told = {
            "page": page,
            "around": self._of(meant[0], page.number),
            "shown": shown,
            "score": score,
            "ago": ago,
            "moment": moment,
        }
        return guarded(make_response(render_template("project.html", **told)), WITH_FORMS)

    def manage(self, project: str) -> Response:
        """Put another revision in force, or keep the one that is, as the forms of the page ask."""
        self._admit()
        action, number = request.form.get("do", ""), request.form.get("number", "0")
        if action not in ACTIONS or not NUMBER.fullmatch(number):
            abort(400, f"'do' has to be one of {', '.join(ACTIONS)}, and 'number' a whole number")
        with self._database.writing() as connection:
            if projects.find(connection, project) is None:
                abort(404, f"There is no project {project[:60]}; its whole key is needed here")
            manage(connection, project, action, int(number))
        return guarded(Response(status=303, headers={"Location": quote(project, safe="")}), WITH_FORMS)

    def _of(self, project: Project, number: int) -> Around:
        unlocked, secret = bool(self._settings.basic_auth_user), bool(self._settings.webhook_secret)
        version = self._naming.version(number, config_of(project))
        return Around(version, unlocked, secret, webhook_missing(self._database, project.key))

    def _admit(self) -> None:
        """Turn away whoever gave no password, and forms on other sites' pages: browsers send the password with both."""
        if not self._settings.basic_auth_user:
            abort(403, WITHOUT_PASSWORD)
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "")
        own = urlsplit(origin).netloc == request.host if site is None else site == "same-origin"
        if not own:
            abort(403, "The request does not come from this server's own page")

"""The page for people: what the server is, how it is doing, and what was asked and answered lately."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response, abort, make_response, render_template, request

from backend import __version__
from backend.inference.model_loader import ModelLoader
from backend.labelstudio import configs
from backend.page.drawing import draw, panels
from backend.page.journal import Journal
from backend.page.remedies import remedy
from backend.store.projects import Project

JSON, HTML = "application/json", "text/html"
GUARDED = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",  # pictures of tasks have no place in a browser's cache
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def wants_page() -> bool:
    """Whether a browser asks for the page at the root. Whoever takes anything, as probes do, gets JSON."""
    return request.path == "/" and request.accept_mimetypes.best_match([JSON, HTML]) == HTML


@dataclass(frozen=True, slots=True)
class Listed:
    """The projects that have a page of their own; trouble: why none can be named, empty where they can."""

    projects: tuple[Project, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the page tells of the server itself. `models` are names by what they do; `waiting` counts predictions."""

    model_version: str
    models: Mapping[str, str]
    loader: ModelLoader
    device: Callable[[], str]
    waiting: Callable[[], int]

    @property
    def state(self) -> str:
        """In one word: ready, loading or failed."""
        return "ready" if self.loader.loaded else "failed" if self.loader.failure else "loading"


class Pages:
    """The page and its pictures."""

    def __init__(
        self, server: ServerFacts, journal: Journal, health: Callable[[], Response], listed: Callable[[], Listed]
    ) -> None:
        self._server = server
        self._journal = journal
        self._health = health
        self._listed = listed
        self._started = time.time()

    def root(self) -> Response:
        """The page for a browser, the health for everybody else."""
        response = self._page() if wants_page() else self._health()
        response.vary.add("Accept")
        return response

    def picture(self, number: int, panel: str) -> Response:
        """One picture of a recent request."""
        entry = next((entry for entry in self._journal.entries if entry.number == number), None)
        if entry is None or panel not in [each.name for each in panels(entry.sketch)]:
            abort(404, "There is no such picture, or no longer")
        return guarded(Response(draw(entry.sketch, panel), content_type="image/png"))

    def style(self) -> Response:
        """The page's style sheet."""
        return guarded(Response(render_template("style.css"), content_type="text/css; charset=utf-8"))

    def _page(self) -> Response:
        page = render_template(
            "page.html",
            version=__version__,
            server=self._server,
            address=request.host_url,
            journal=self._journal,
            listed=self._listed(),
            examples=configs.EXAMPLES,
            panels=panels,
            remedy=remedy,
            started=self._started,
            ago=ago,
            moment=moment,
            shown=shown,
        )
        return guarded(make_response(page))


def ago(when: float) -> str:
    """How long ago a time in seconds since 1970 is, in the largest unit that fits: "3 min ago"."""
    seconds = int(time.time() - when)
    return next((f"{seconds // size} {unit} ago" for size, unit in UNITS if seconds >= size), "now")


def moment(when: float) -> str:
    """A time in seconds since 1970 as a date and time in UTC."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shown(hostname: str) -> str:
    """The address of a server without user and password."""
    scheme, separator, rest = hostname.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"[:200]


def guarded(response: Response, headers: Mapping[str, str] = GUARDED) -> Response:
    """The response with headers that keep a page's content in it, and others' out."""
    response.headers.update(headers)
    return response

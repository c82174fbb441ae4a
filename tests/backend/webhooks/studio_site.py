"""A web server that answers as Label Studio's API does, as far as a sync asks it."""

from __future__ import annotations

import json
import operator
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.backend.site import Answer, Seen, Site, serving
from tests.backend.webhooks.told import BRUSH, project

LEGACY = "0123456789abcdef0123456789abcdef01234567"
SECRET = "a secret of the server that is long enough"


def token(kind: str) -> str:
    """A JWT such as Label Studio gives: "refresh" for a personal access token, "access" for what it is exchanged to."""
    return jwt.encode({"token_type": kind, "exp": datetime.now(UTC) + timedelta(minutes=5)}, SECRET, "HS256")


@dataclass
class FakeStudio:
    """The server, its project and its tasks, which a test may change."""

    site: Site
    project: dict[str, Any] = field(default_factory=lambda: project(BRUSH))
    tasks: list[dict[str, Any]] = field(default_factory=list)
    refreshes: list[str] = field(default_factory=list)
    access: str = field(default_factory=lambda: token("access"))

    @property
    def url(self) -> str:
        return self.site.url

    def describe(self, seen: Seen) -> Answer:
        return self.allowed(seen) or _json(200, self.project)

    def listed(self, seen: Seen) -> Answer:
        """A page of the tasks after the one that the filter names, or that one alone."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}
        assert asked["fields"] == "all"
        assert asked["resolve_uri"] == "false"
        [wanted] = json.loads(asked["query"])["filters"]["items"]
        meant = {"greater": operator.gt, "equal": operator.eq}[wanted["operator"]]
        left = [one for one in self.tasks if meant(one["id"], wanted["value"])]
        page = {"tasks": left[: int(asked["page_size"])], "total": len(left)}
        return self.allowed(seen) or _json(200, {**page, "total_annotations": 0, "total_predictions": 0})

    def refresh(self, seen: Seen) -> Answer:
        self.refreshes.append(json.loads(seen.body)["refresh"])
        return _json(200, {"access": self.access})

    def allowed(self, seen: Seen) -> Answer | None:
        if seen.authorization in (f"Token {LEGACY}", f"Bearer {self.access}"):
            return None
        return _json(401, {"detail": "Invalid token."})


@contextmanager
def studio(prefix: str = "", tls: ssl.SSLContext | None = None) -> Iterator[FakeStudio]:
    """A Label Studio with project 1; `prefix` is the sub-path that it is deployed under."""
    with serving(tls) as site:
        fake = FakeStudio(site)
        site.routes[f"{prefix}/api/projects/1/"] = fake.describe
        site.routes[f"{prefix}/api/projects/1"] = fake.describe
        site.routes[f"{prefix}/api/tasks/"] = fake.listed
        site.routes[f"{prefix}/api/token/refresh/"] = fake.refresh
        yield fake


def _json(status: int, body: object) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()

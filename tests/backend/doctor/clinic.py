"""A web server that answers as Label Studio's API does, as far as the doctor asks it; a backend beside it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backend.doctor.finding import Diagnosis
from backend.doctor.studio import examine
from backend.labelstudio import configs
from backend.settings import Settings
from tests.backend.site import Answer, Seen, Site, serving
from tests.backend.webhooks.studio_site import LEGACY, token

SECRET = "s3cret-of-the-webhook"
HEALTH = {"status": "UP", "model_class": "Anyword"}


@dataclass
class Clinic:
    """Label Studio with one project and one model, both healthy until a test changes something."""

    site: Site
    model: dict[str, Any]
    webhooks: list[dict[str, Any]]
    version: object = field(default_factory=lambda: {"release": "1.23.2"})
    config: str = configs.BITMASK.xml
    tasks: list[dict[str, Any]] = field(default_factory=list)
    legacy: bool = True
    personal: str = field(default_factory=lambda: token("refresh"))
    access: str = field(default_factory=lambda: token("access"))
    guarded: bool = False  # SSRF_PROTECTION_ENABLED
    may_change: bool = True

    def examine(self, repair: bool = False, **settings: Any) -> list[Diagnosis]:
        """What the doctor finds."""
        given = {"label_studio_url": self.site.url, "label_studio_api_key": LEGACY} | settings
        return list(examine(Settings(**given), repair))

    def open(self) -> None:
        """Answer."""
        answers = {
            "/api/version/": lambda _: _json(200, self.version),
            "/api/token/refresh/": self._refresh,
            "/api/current-user/whoami": lambda seen: self._locked(seen) or _json(200, {"id": 1}),
            "/api/projects": lambda seen: self._locked(seen) or _json(200, {"results": [self._project], "next": None}),
            "/api/tasks": lambda seen: self._locked(seen) or _json(200, {"tasks": self.tasks}),
            "/api/ml/": lambda seen: self._locked(seen) or self._models(seen),
            "/api/ml/3": lambda seen: self._locked(seen) or self._connected(seen),
            "/api/webhooks/": lambda seen: self._locked(seen) or self._hooks(seen),
            "/api/webhooks/5/": lambda seen: self._locked(seen) or self._changed(seen),
            "/health": lambda _: _json(200, HEALTH),
        }
        self.site.routes.update(answers)

    @property
    def _project(self) -> dict[str, Any]:
        return {"id": 12, "title": "Dogs", "label_config": self.config}

    def _refresh(self, seen: Seen) -> Answer:
        known = json.loads(seen.body)["refresh"] == self.personal
        return _json(200, {"access": self.access}) if known else _json(401, {"detail": "Token is blacklisted"})

    def _locked(self, seen: Seen) -> Answer | None:
        opened = ([f"Token {LEGACY}"] if self.legacy else []) + [f"Bearer {self.access}"]
        return None if seen.authorization in opened else _json(401, {"detail": "Invalid token."})

    def _models(self, seen: Seen) -> Answer:
        if seen.body:
            return self._connected(seen)
        return _json(200, [self.model] if self.model else [])

    def _connected(self, seen: Seen) -> Answer:
        """Label Studio tries a model before it stores it; this one's password is "right"."""
        body = json.loads(seen.body)
        if body.get("basic_auth_pass", "right") != "right":
            return _invalid(non_field_errors=["Can't connect, <a href='x'>Learn  more</a>"])
        self.model |= body | {"id": 3}
        return _json(201, self.model)

    def _hooks(self, seen: Seen) -> Answer:
        if not seen.body:
            return _json(200, self.webhooks)
        body = json.loads(seen.body)
        if self.guarded:
            return _json(403, {"detail": "URL resolves to a reserved network address (block: 127.0.0.0/8)"})
        if "//unknown." in body["url"] or "[::1]" in body["url"]:
            return _json(500, {"detail": "Can't resolve hostname"})
        if "anyword:" in body["url"]:
            return _invalid(url=["Enter a valid URL."], actions={"0": ["not a valid choice"]})
        if body.get("actions"):
            return _invalid(actions={"0": ["not a valid choice"]})
        if not self.may_change:
            return _json(403, {"detail": "You do not have permission to perform this action."})
        self.webhooks.append(body | {"id": 6})
        return _json(201, self.webhooks[-1])

    def _changed(self, seen: Seen) -> Answer:
        self.webhooks[0] |= json.loads(seen.body)
        return _json(200, self.webhooks[0])


@contextmanager
def clinic(tls: ssl.SSLContext | None = None) -> Iterator[Clinic]:
    """A healthy Label Studio, whose own site plays the backend, too."""
    with serving(tls) as site:
        model = {
            "id": 3,
            "url": site.url,
            "state": "CO",
            "readable_state": "Connected",
            "error_message": None,
            "is_interactive": True,
            "model_version": "anyword-0.1.0",
        }
        made = Clinic(site, model, [webhook(site.url)])
        made.open()
        yield made


def webhook(backend: str) -> dict[str, Any]:
    """What Label Studio makes when a model is connected."""
    flags = {"is_active": True, "send_payload": True, "send_for_all_actions": True}
    return {"id": 5, "project": 12, "url": f"{backend}/webhook", "headers": {}, "actions": [], **flags}


def _invalid(**errors: object) -> Answer:
    return _json(400, {"detail": "Validation error", "validation_errors": errors})


def _json(status: int, body: object) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()

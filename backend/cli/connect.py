"""`python -m backend connect`: connect a project of Label Studio to a backend, with its password and its webhook."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from backend import certificates
from backend.doctor import access, webhooks
from backend.doctor.api import Api, Unanswered, parsed
from backend.doctor.finding import Diagnosis, exit_status
from backend.pictures.network.urls import shown
from backend.settings import Settings
from model.errors import Misconfigured

TOLD = 300  # characters of what Label Studio says
REFUSED = (
    "See that Label Studio's own machine reaches {at}/health, that the backend there has the user name and password "
    "that are set here, and for a private address that Label Studio was started with USE_DEFAULT_BANNED_SUBNETS=false."
)
RIGHTS = "Check the number of the project, and take the key of somebody who manages it."


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Connect and say what came of it; 0 where all went well, 2 where something has to be changed first."""
    url = options.url or settings.label_studio_url
    try:
        if not url:
            raise Misconfigured(access.SET_URL)
        findings = list(connect(Api(url), settings, options))
    except (Misconfigured, Unanswered) as error:
        remedy = certificates.remedy(str(error))
        print(f"python -m backend connect: {error}{f'. {remedy}' if remedy else ''}", file=sys.stderr)
        return 2
    print("\n".join(finding.line for finding in findings))
    return exit_status(findings)


def connect(api: Api, settings: Settings, options: argparse.Namespace) -> Iterator[Diagnosis]:
    """Open Label Studio, give the project the model at `options.at`, then the webhook.

    What is connected already is put right. Raises Unanswered where Label Studio does not answer.
    """
    key = access.opened(api, options.api_key or settings.label_studio_api_key)
    if key.status != "ok":
        yield key
        return
    at = options.at.rstrip("/")
    model = _model(api, options.project, at, settings)
    yield model
    if model.status == "ok":
        yield webhooks.examine(api, options.project, at, settings.webhook_secret, repair=True)


def _model(api: Api, project: int, at: str, settings: Settings) -> Diagnosis:
    """Make the connection, or put it right; Label Studio tries it before it stores it."""
    name = f"project {project}, model {shown(at)}"
    listed = api.call("GET", f"/api/ml/?project={project}")
    if not listed.ok:
        return Diagnosis(name, "problem", f"{listed.status_code} from {shown(api.url)}", RIGHTS)
    there = [int(model["id"]) for model in parsed(listed) if str(model.get("url")).rstrip("/") == at]
    path, method = (f"/api/ml/{there[0]}", "PATCH") if there else ("/api/ml/", "POST")
    answer = api.call(method, path, _wanted(project, at, settings))
    if not answer.ok:
        return Diagnosis(name, "problem", f"Label Studio refuses it: {_reason(answer)}", REFUSED.format(at=at))
    return Diagnosis(name, "ok", "put right" if there else "connected")


def _wanted(project: int, at: str, settings: Settings) -> Mapping[str, Any]:
    """The Connect dialog, filled in; its password is the one that requests have to bring."""
    dialog = {"project": project, "url": at, "title": "Anyword", "is_interactive": True, "auth_method": "NONE"}
    if not settings.basic_auth_user:
        return dialog
    password = {"basic_auth_user": settings.basic_auth_user, "basic_auth_pass": settings.basic_auth_password}
    return dialog | {"auth_method": "BASIC_AUTH"} | password


def _reason(answer: requests.Response) -> str:
    """What Label Studio says, without its links."""
    told = parsed(answer)
    errors = told.get("validation_errors") if isinstance(told, Mapping) else None
    said = [text for texts in errors.values() for text in texts] if isinstance(errors, Mapping) else []
    plain = re.sub(r"<[^>]*>", "", " ".join(map(str, said)))
    return " ".join(plain.split())[:TOLD] or str(answer.status_code)

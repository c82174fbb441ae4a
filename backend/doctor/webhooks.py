"""The webhook that brings a project's corrections to us, and how it is made and repaired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from backend.doctor.addresses import BANNED, DOTLESS, NO_IPV6, is_dotless, is_ipv6, webhook_address
from backend.doctor.api import Api, Item, parsed
from backend.doctor.finding import Diagnosis
from backend.pictures.network.urls import shown

HEADER = "X-Anyword-Secret"
REPAIR = "Run `python -m backend doctor --repair`, or see to it under Settings, Webhooks in the project."
REFUSED = "The key's owner may not change webhooks: take the key of somebody who manages the project."
OPENABLE = "Connect the model by an address that a browser can open."
KNOWN = "Connect the model by a name that Label Studio's host knows."
NO_ACTION = "ANYWORD_DOCTOR_ASKS"  # not among Label Studio's, so that what asks with it is never stored


@dataclass(frozen=True, slots=True)
class WantedWebhook:
    """The webhook that a project should have. Label Studio sends no password with events, so a secret goes along."""

    project: int
    address: str
    secret: str

    @property
    def headers(self) -> Mapping[str, str]:
        return {HEADER: self.secret} if self.secret and self.secret.isascii() else {}

    @property
    def url(self) -> str:
        in_address = self.secret and not self.headers
        return f"{self.address}/{quote(self.secret, safe='')}" if in_address else self.address

    def is_same(self, webhook: Item) -> bool:
        """Whether a webhook of Label Studio's leads to this backend, rightly or not."""
        url = str(webhook.get("url") or "")
        return webhook.get("project") == self.project and (url == self.address or url.startswith(f"{self.address}/"))

    def faults(self, webhook: Item) -> Iterator[str]:
        """What is wrong with a webhook that leads here, in words."""
        if not webhook.get("is_active"):
            yield "is switched off"
        if not webhook.get("send_for_all_actions"):
            yield "is not sent for all actions"
        if not webhook.get("send_payload"):
            yield "is sent without its content"
        if self.secret and not self._brings(webhook):
            yield "comes without the secret of ANYWORD_WEBHOOK_SECRET"

    def _brings(self, webhook: Item) -> bool:
        headers = webhook.get("headers")
        given = headers if isinstance(headers, Mapping) else {}
        in_header = any(str(name).lower() == HEADER.lower() and given[name] == self.secret for name in given)
        return in_header or webhook.get("url") == f"{self.address}/{quote(self.secret, safe='')}"


def examine(api: Api, project: int, backend: str, secret: str, repair: bool) -> Diagnosis:
    """Whether corrections reach the backend; with `repair`, its webhook is made or put right.

    Raises Unanswered where Label Studio does not answer.
    """
    wanted, name = WantedWebhook(project, webhook_address(backend), secret), f"project {project}, webhook"
    refusal = _refusal(api, wanted)
    if refusal:
        return Diagnosis(name, "problem", *refusal)
    there = [webhook for webhook in api.items(f"/api/webhooks/?project={project}") if wanted.is_same(webhook)]
    faults = [list(wanted.faults(webhook)) for webhook in there]
    if [] in faults:
        return Diagnosis(name, "ok", f"active for all actions, to {shown(wanted.address)}")
    what = f"{shown(wanted.address)} {', '.join(faults[0])}" if there else f"there is none to {shown(wanted.address)}"
    if not repair:
        return Diagnosis(name, "problem", f"{what}; corrections are missed until a sync", REPAIR)
    answer = _put_right(api, wanted, there)
    if not answer.ok:
        return Diagnosis(name, "problem", f"{what}; repairing it was refused with {answer.status_code}", REFUSED)
    return Diagnosis(name, "ok", f"{what}: {'repaired' if there else 'made'}")


def _refusal(api: Api, wanted: WantedWebhook) -> tuple[str, str] | None:
    """Why Label Studio would send no event to this address, and the remedy; it is asked, and stores nothing."""
    answer = api.call("POST", "/api/webhooks/", _body(wanted) | {"actions": [NO_ACTION]})
    if answer.status_code == 403 and "URL" in _detail(answer):
        return f"Label Studio sends nothing to {shown(wanted.address)}, which is a private address", BANNED
    told = parsed(answer)
    errors = told.get("validation_errors") if isinstance(told, Mapping) else None
    if isinstance(errors, Mapping) and "url" in errors:
        remedy = DOTLESS if is_dotless(wanted.address) else OPENABLE
        return f"Label Studio takes {shown(wanted.address)} for no address", remedy
    if "resolve" in _detail(answer):
        remedy = NO_IPV6 if is_ipv6(wanted.address) else KNOWN
        return f"Label Studio does not know the host of {shown(wanted.address)}", remedy
    return None


def _put_right(api: Api, wanted: WantedWebhook, there: list[Item]) -> requests.Response:
    """Change the first webhook that leads here, or make one."""
    body = _body(wanted)
    if not there:
        return api.call("POST", "/api/webhooks/", body)
    kept = there[0].get("headers")
    headers = {**(kept if isinstance(kept, Mapping) else {}), **wanted.headers}
    return api.call("PATCH", f"/api/webhooks/{int(there[0]['id'])}/", body | {"headers": headers})


def _body(wanted: WantedWebhook) -> dict[str, Any]:
    return {
        "project": wanted.project,
        "url": wanted.url,
        "headers": dict(wanted.headers),
        "send_payload": True,
        "send_for_all_actions": True,
        "is_active": True,
    }


def _detail(answer: requests.Response) -> str:
    told = parsed(answer)
    return str(told.get("detail") or "") if isinstance(told, Mapping) else ""

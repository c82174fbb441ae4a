"""A model that a project is connected to: its address, whether it answers from here, and what Label Studio says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from backend import certificates
from backend.doctor import addresses
from backend.doctor.api import Item, parsed
from backend.doctor.finding import Diagnosis
from backend.pictures.network.urls import shown

SECONDS = 5.0
CONNECTED = ("CO", "PR", "TR")  # Label Studio's states of a model that works
TOLD = 200  # characters of what Label Studio says
RUN = "Start the backend with `--host 0.0.0.0` where others have to reach it, or correct the model's address."
EDIT = "In the project: Settings, Model, the model's menu, Edit, then Validate and Save; see the backend's log, too."
FROM_HERE = "Nothing to do if Label Studio runs elsewhere and reaches it; else correct the model's address."
INTERACTIVE = "In the project: Settings, Model, the model's menu, Edit: switch Interactive preannotations on."
PASSWORD = "In the project: Settings, Model, the model's menu, Edit: choose basic authentication and enter both."


@dataclass(frozen=True, slots=True)
class Backend:
    """A model as Label Studio lists it. `is_ours`: whether it is this backend, by its own word or its version.

    fault: what is wrong with its certificate, seen from here.
    """

    url: str
    state: str
    readable: str
    error: str
    interactive: bool
    answers: bool
    is_ours: bool
    fault: str = ""

    @property
    def works(self) -> bool:
        """Whether Label Studio reaches it."""
        return self.state in CONNECTED


def backend_of(item: Item) -> Backend:
    """A model of GET /api/ml/, asked for its health from here."""
    url = str(item.get("url") or "")
    health, fault = _health(url)
    known = str(item.get("model_version") or "").startswith("anyword-")
    return Backend(
        url=url,
        state=str(item.get("state") or ""),
        readable=str(item.get("readable_state") or item.get("state") or "unknown"),
        error=str(item.get("error_message") or ""),
        interactive=bool(item.get("is_interactive")),
        answers=health is not None,
        is_ours=known or (health or {}).get("model_class") == "Anyword",
        fault=fault,
    )


def examine(project: str, backend: Backend, version: str) -> Iterator[Diagnosis]:
    """What stands between Label Studio and this model."""
    name = f"{project}, model {shown(backend.url)}"
    if backend.answers and not backend.is_ours:
        yield Diagnosis(name, "skipped", "another backend than this one")
        return
    yield from _address(name, backend, version)
    yield _from_here(name, backend)
    yield _from_there(name, backend)
    if not backend.interactive:
        yield Diagnosis(name, "warning", "is not asked when somebody clicks or types", INTERACTIVE)


def _address(name: str, backend: Backend, version: str) -> Iterator[Diagnosis]:
    if addresses.is_ipv6(backend.url):
        yield Diagnosis(name, "problem", "its address is a numeric IPv6 one", addresses.NO_IPV6)
    elif addresses.is_dotless(backend.url):
        yield Diagnosis(name, "problem", "its host has no dot, and gets no webhook", addresses.DOTLESS)
    elif addresses.is_private(backend.url) and addresses.is_guarded(version) and not backend.works:
        what = f"its address is private, and Label Studio {version} refuses those unless it is told otherwise"
        yield Diagnosis(name, "warning", what, addresses.BANNED)


def _from_here(name: str, backend: Backend) -> Diagnosis:
    if backend.answers:
        return Diagnosis(name, "ok", "answers from here")
    if backend.fault:
        remedy = certificates.remedy(backend.fault)
        return Diagnosis(name, "warning" if backend.works else "problem", backend.fault, remedy)
    if backend.works:
        return Diagnosis(name, "warning", "does not answer from here, but Label Studio reaches it", FROM_HERE)
    return Diagnosis(name, "problem", "does not answer from here", RUN)


def _from_there(name: str, backend: Backend) -> Diagnosis:
    if backend.works:
        return Diagnosis(name, "ok", f'Label Studio calls it "{backend.readable}"')
    error = " ".join(backend.error.replace(backend.url, shown(backend.url)).split())[:TOLD]
    what = f'Label Studio calls it "{backend.readable}"{f": {error}" if error else ""}'
    return Diagnosis(name, "problem", what, PASSWORD if "authentication" in error or "401" in error else EDIT)


def _health(url: str) -> tuple[Mapping[str, Any] | None, str]:
    """What a backend says of itself, None where it says nothing, and what is wrong with its certificate."""
    try:
        answer = requests.get(f"{url.rstrip('/')}/health", timeout=SECONDS, allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        said = certificates.named(error)  # another reason may lie in the network here: Label Studio's counts
        return None, said if certificates.remedy(said) else ""
    told = parsed(answer)
    return told if answer.ok and isinstance(told, Mapping) else None, ""

"""What Label Studio knows of us: its address, our key, and each project with its models, webhook and config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backend import certificates
from backend.doctor import access, backends, pictures, webhooks
from backend.doctor.api import Api, Item, Unanswered
from backend.doctor.finding import Diagnosis
from backend.labelstudio import label_config
from backend.page.advice import advice
from backend.pictures.images import Images
from backend.server.app import image_source
from backend.settings import Settings
from model.errors import Misconfigured

CONNECT = "In the project: Settings, Model, Connect Model, the backend's address, Interactive preannotations on."
COPY = "Copy one of the labelling configs on the backend's page; the rest of the project's can stay."
RIGHTS = "Try again; if it stays, the key's owner may not see this project: take the key of somebody who manages it."


@dataclass(frozen=True, slots=True)
class Visit:
    """What is the same for all projects."""

    api: Api
    images: Images
    version: str
    secret: str
    repair: bool


def examine(settings: Settings, repair: bool) -> Iterator[Diagnosis]:
    """Examine Label Studio from the outside in; what cannot be looked at is skipped."""
    if not settings.label_studio_url:
        yield Diagnosis(access.SERVER, "warning", "its address is not set", access.SET_URL)
        yield from _skipped(access.KEY, "projects")
        return
    api = Api(settings.label_studio_url)
    server, version = access.reached(api)
    yield server
    if server.status != "ok":
        yield from _skipped(access.KEY, "projects")
        return
    key = access.opened(api, settings.label_studio_api_key)
    yield key
    if key.status != "ok":
        yield from _skipped("projects")
        return
    images = Images(image_source(settings))
    yield from _projects(Visit(api, images, version, settings.webhook_secret, repair))
    images.web.session.close()


def _skipped(*names: str) -> Iterator[Diagnosis]:
    for name in names:
        yield Diagnosis(name, "skipped", "not looked at, see above")


def _projects(visit: Visit) -> Iterator[Diagnosis]:
    connected = 0
    try:
        for project in visit.api.projects():
            models = visit.api.items(f"/api/ml/?project={int(project['id'])}")
            connected += bool(models)
            if models:
                yield from _project(visit, project, models)
    except Unanswered as error:
        yield Diagnosis("projects", "problem", str(error), certificates.remedy(str(error)) or RIGHTS)
        return
    if not connected:
        yield Diagnosis("projects", "warning", "no project has a model connected", CONNECT)


def _project(visit: Visit, project: Item, models: list[Item]) -> Iterator[Diagnosis]:
    """Each model of a project, the webhook of those that are ours, and the labelling config."""
    name, ours = f"project {project['id']}", False
    for connected in models:
        backend = backends.backend_of(connected)
        yield from backends.examine(name, backend, visit.version)
        if backend.is_ours:
            ours = True
            yield webhooks.examine(visit.api, int(project["id"]), backend.url, visit.secret, visit.repair)
    if ours:
        yield from _config(visit, project, f"{name}, labelling config")


def _config(visit: Visit, project: Item, name: str) -> Iterator[Diagnosis]:
    """The labelling config, and the pictures that it speaks of."""
    xml = str(project.get("label_config") or "")
    try:
        lines = advice(xml)
        config = label_config.read(xml)
    except Misconfigured as error:
        yield Diagnosis(name, "problem", str(error), COPY)
        return
    if not lines:
        yield Diagnosis(name, "ok", f'masks go to "{config.mask.name}", and nothing is lacking')
    for line in lines:
        what, _, remedy = line.partition(": ")
        yield Diagnosis(name, "warning", what, f"{remedy[:1].upper()}{remedy[1:]}" or COPY)
    yield from pictures.examine(visit.api, visit.images, int(project["id"]), config.data_key)

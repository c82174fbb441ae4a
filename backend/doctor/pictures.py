"""Whether a project's pictures can be read: its first one is fetched the way that predictions fetch theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backend.doctor.api import Api, Unanswered
from backend.doctor.finding import Diagnosis
from backend.page.remedies import remedy
from backend.pictures.images import Images
from backend.pictures.neighbours import sight_of
from backend.pictures.network.urls import shown
from model.errors import BadImage


def examine(api: Api, images: Images, project: int, data_key: str) -> Iterator[Diagnosis]:
    """Read the picture of the project's first task; says nothing where there is none. Raises Unanswered."""
    # `review` keeps Label Studio from asking us for predictions, `resolve_uri` from signing addresses.
    found = api.get(f"/api/tasks?project={project}&page_size=1&review=true&resolve_uri=false")
    if not isinstance(found, Mapping) or not isinstance(found.get("tasks"), list):
        raise Unanswered(f"{shown(api.url)} does not answer /api/tasks as Label Studio")
    for task in found["tasks"][:1]:
        sight = sight_of(task, data_key, "")
        if sight is not None:
            yield _read(images, f"project {project}, pictures", sight.url, sight.task_id)


def _read(images: Images, name: str, url: str, task: int) -> Diagnosis:
    try:
        height, width = images.load(url, task_id=task).shape[:2]
    except BadImage as error:
        what = f"that of task {task} cannot be read, {str(error).removeprefix('image: ')}"
        return Diagnosis(name, "problem", what, remedy(str(error)) or "Correct the address in the task, or its file.")
    return Diagnosis(name, "ok", f"that of task {task} can be read, {width} x {height} pixels")

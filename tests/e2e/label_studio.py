"""What an annotator does, through the API of Label Studio."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.e2e.servers import Address, Backend

SECONDS = 110  # Label Studio itself waits 100 for a prediction


@dataclass(frozen=True, slots=True)
class Project:
    """A project and the backend that it is connected to."""

    server: Address
    id: int
    title: str
    backend_id: int

    def predict_all(self) -> None:
        """Choose all tasks in the list and "Retrieve Predictions"."""
        action = f"/api/dm/actions?id=retrieve_tasks_predictions&project={self.id}"
        call(self.server, "POST", action, {"selectedItems": {"all": True, "excluded": []}})

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks with their predictions, in the order of the import."""
        answer = call(self.server, "GET", f"/api/tasks?project={self.id}&fields=all&page_size=100")
        return sorted(answer["tasks"], key=lambda task: int(task["id"]))

    def ask(self, task: int, prompts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Use a smart tool or the text prompt on a task; the answer is what the editor draws."""
        request = {"task": task, "context": {"result": list(prompts)}}
        answer = call(self.server, "POST", f"/api/ml/{self.backend_id}/interactive-annotating", request)
        assert "errors" not in answer, answer["errors"]
        return list(answer["data"]["result"])


def submitted(server: Address, task: int) -> list[dict[str, Any]]:
    """What was submitted for a task, oldest first."""
    return sorted(call(server, "GET", f"/api/tasks/{task}")["annotations"], key=lambda stored: int(stored["id"]))


def create_project(server: Address, title: str, config: str, pictures: Sequence[Path]) -> int:
    """Make a project for two annotators, who start without our regions, upload pictures and return its id."""
    chosen = {"show_collab_predictions": False, "maximum_annotations": 2}
    project = int(call(server, "POST", "/api/projects", {"title": title, "label_config": config, **chosen})["id"])
    for picture in pictures:
        answer = requests.post(
            f"{server.url}/api/projects/{project}/import?commit_to_project=true",
            headers=_headers(server),
            files={"file": (picture.name, picture.read_bytes(), mimetypes.guess_type(picture)[0] or "")},
            timeout=SECONDS,
        )
        assert answer.status_code == 201, answer.text
    return project


def connect(server: Address, project: int, backend: Address | Backend) -> requests.Response:
    """Connect the backend as the Connect dialog does."""
    body = {"url": backend.url, "project": project, "title": "Anyword", "is_interactive": True}
    return requests.post(f"{server.url}/api/ml/", headers=_headers(server), json=body, timeout=SECONDS)


def call(server: Address, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Call the API and return what it answers."""
    answer = requests.request(method, server.url + path, headers=_headers(server), json=body, timeout=SECONDS)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
    return dict(answer.json())


def _headers(server: Address) -> dict[str, str]:
    return {"Authorization": f"Token {server.key}"}

"""What annotators leave behind and what the backend made of it, through the API of Label Studio and the database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from backend.labelstudio import bitmask
from backend.server.child_process import ROOT
from backend.settings import PREFIX
from backend.store import annotation_rows, runs
from backend.store.database import Database
from model.types import Mask
from tests.e2e.label_studio import SECONDS, Project, call
from tests.e2e.servers import Backend

PATIENCE = 400.0  # seconds until something that has to come about is given up; learning shares two busy cores


@dataclass(frozen=True, slots=True)
class Classroom:
    """A project whose corrections the backend learns from."""

    project: Project
    backend: Backend
    config: str

    @property
    def key(self) -> str:
        """The project as the backend is told of it."""
        created = call(self.project.server, "GET", f"/api/projects/{self.project.id}")["created_at"]
        return f"{self.project.id}.{int(datetime.fromisoformat(created).timestamp())}"

    @property
    def version(self) -> str:
        """The model version that the backend gives the project."""
        body = {"project": self.key, "schema": self.config, "hostname": self.project.server.url}
        return str(requests.post(f"{self.backend.url}/setup", json=body, timeout=10).json()["model_version"])

    def correct(self, task: int, masks: Mapping[str, Sequence[Mask]]) -> int:
        """Submit an annotation with these masks (H, W) of each label; its id."""
        pairs = [(label, mask) for label, several in masks.items() for mask in several]
        items = [item for at, (label, mask) in enumerate(pairs) for item in _items(f"region-{task}-{at}", label, mask)]
        return int(call(self.project.server, "POST", f"/api/tasks/{task}/annotations", {"result": items})["id"])

    def tell(self, method: str, path: str, body: object = None) -> None:
        """Call the API where it answers nothing."""
        server = self.project.server
        headers = {"Authorization": f"Token {server.key}"}
        answer = requests.request(method, server.url + path, headers=headers, json=body, timeout=SECONDS)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"

    def train(self) -> None:
        """Press "Start Training"."""
        self.tell("POST", f"/api/ml/{self.project.backend_id}/train")

    def predict_again(self) -> list[dict[str, Any]]:
        """Throw all predictions away and retrieve them; the prediction of each task, in the order of the import."""
        action = f"/api/dm/actions?id=delete_tasks_predictions&project={self.project.id}"
        self.tell("POST", action, {"selectedItems": {"all": True, "excluded": []}})
        self.project.predict_all()
        return [task["predictions"][-1] for task in self.project.tasks()]

    def known(self) -> set[int]:
        """The ids of the annotations that the backend knows of."""
        database = Database(self.backend.environ["ANYWORD_DATABASE"])
        with database.reading() as connection:
            ids = {annotation.id for annotation in annotation_rows.annotations(connection, self.key)}
        database.close()
        return ids

    def verdict(self) -> str:
        """What came of learning last, in words; empty where nothing did yet."""
        database = Database(self.backend.environ["ANYWORD_DATABASE"])
        with database.reading() as connection:
            judged = runs.verdicts(connection, self.key)
        database.close()
        return judged[-1].verdict.reason if judged else ""

    def command(self, *arguments: str) -> str:
        """Run `python -m backend ...` beside the server; what it prints."""
        command = [sys.executable, "-m", "backend", *arguments]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**inherited, **self.backend.environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _items(region: str, label: str, mask: Mask) -> list[dict[str, Any]]:
    height, width = mask.shape
    head = {"id": region, "to_name": "image", "original_width": width, "original_height": height, "image_rotation": 0}
    value = {"imageDataURL": bitmask.encode(mask)}
    return [
        {**head, "from_name": "mask", "type": "bitmask", "value": value},
        {**head, "from_name": "label", "type": "labels", "value": {"labels": [label]}},
    ]

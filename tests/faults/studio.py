"""What a Label Studio server says of its projects by webhook, as the recorded requests say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.labelstudio import brush_rle, configs
from model.types import Mask

Event = dict[str, Any]

CREATED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # when every project was made


def configured(labels: Sequence[str]) -> str:
    """A labelling config with these labels."""
    return configs.labelled(configs.BRUSH_LABELS.xml, "".join(f'<Label value="{label}"/>' for label in labels))


@dataclass(frozen=True, slots=True)
class Studio:
    """A project of a Label Studio server; `config` is its labelling config."""

    config: str
    id: int = 1
    created: datetime = CREATED

    @property
    def key(self) -> str:
        """The project as Label Studio names it in /setup and /predict."""
        return f"{self.id}.{int(self.created.timestamp())}"

    def setup(self, hostname: str = "") -> Event:
        """The body of /setup."""
        return {"project": self.key, "schema": self.config, "hostname": hostname, "access_token": "unused"}

    def predict(self, tasks: Sequence[Event]) -> Event:
        """The body of /predict for pre-annotations."""
        params = {"login": None, "password": None, "context": None}
        return {"tasks": list(tasks), "project": self.key, "label_config": self.config, "params": params}

    def event(self, action: str, **more: Any) -> Event:
        """The body of an event, with the secrets that a real one carries."""
        project = {
            "id": self.id,
            "title": f"Project {self.id}",
            "label_config": self.config,
            "created_at": self.created.isoformat().replace("+00:00", "Z"),
            "token": "a-token-that-is-never-kept",
            "task_data_password": "a-password-that-is-never-kept",
        }
        return {"action": action, "project": project, **more}

    def annotated(self, number: int, task: Event, masks: Mapping[str, Sequence[Mask]], minute: int = 0) -> Event:
        """ANNOTATION_CREATED, or ANNOTATION_UPDATED from minute 1 on, with the masks (H, W) of each label."""
        items = [
            item(label, mask, f"{label}-{at}") for label, several in masks.items() for at, mask in enumerate(several)
        ]
        return self.with_items(number, task, items, minute)

    def with_items(self, number: int, task: Event, items: Sequence[Event], minute: int = 0) -> Event:
        """The same with result items as they are given."""
        when = (self.created + timedelta(minutes=minute + 1)).isoformat().replace("+00:00", "Z")
        annotation = {
            "id": number,
            "result": list(items),
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": self.created.isoformat().replace("+00:00", "Z"),
            "updated_at": when,
            "task": task["id"],
            "project": self.id,
            "completed_by": 1,
            "updated_by": 1,
            "parent_prediction": None,
        }
        action = "ANNOTATION_UPDATED" if minute else "ANNOTATION_CREATED"
        return self.event(action, annotation=annotation, task={**task, "project": self.id})

    def deleted(self, *numbers: int) -> Event:
        """ANNOTATIONS_DELETED."""
        return self.event("ANNOTATIONS_DELETED", annotations=[{"id": number} for number in numbers])


def task(number: int, address: str) -> Event:
    """A task with a picture at an address."""
    return {"id": number, "data": {"image": address}, "annotations": [], "predictions": [], "drafts": []}


def item(label: str, mask: Mask, region: str) -> Event:
    """A mask (H, W) as the editor stores it."""
    height, width = mask.shape
    return {
        "id": f"{region:0>16}",
        "from_name": "mask",
        "to_name": "image",
        "type": "brushlabels",
        "origin": "manual",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": brush_rle.encode(mask), "brushlabels": [label]},
    }

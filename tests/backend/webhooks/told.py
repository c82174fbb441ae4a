"""What Label Studio tells of annotations, and databases to keep it in: what the tests of corrections share."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from backend.labelstudio import bitmask, brush_rle
from backend.observability.metrics import Metrics
from backend.store import annotation_rows
from backend.store.annotation_rows import Event
from backend.store.database import Database
from model.types import Mask
from tests.backend.calls import BITMASK, BRUSH

__all__ = ["BITMASK", "BRUSH"]

CREATED = "2026-11-20T09:53:10.930571Z"
KEY = "1.1795168390"
SIZE = (60, 80)
SECRETS = {
    "token": "t0ken",
    "task_data_login": "l0gin",
    "task_data_password": "passw0rd",
    "by": {"email": "a@b"},
}


def metrics() -> Metrics:
    return Metrics(lambda: 0)


def counted(metrics: Metrics, action: str, outcome: str) -> float:
    """How many events came to this outcome."""
    value = metrics.registry.get_sample_value("anyword_events_total", {"action": action, "outcome": outcome})
    return value or 0.0


def square(left: int = 10, side: int = 20) -> Mask:
    """A mask of the picture's size with one square in it."""
    mask = np.zeros(SIZE, np.bool_)
    mask[10 : 10 + side, left : left + side] = True
    return mask


def brush(mask: Mask, region: str = "r1", label: str = "Thing", **more: Any) -> dict[str, Any]:
    """A mask of the config `BRUSH`."""
    value = {"format": "rle", "rle": brush_rle.encode(mask), "brushlabels": [label]}
    return {**_head(region, "brushlabels"), "value": value, **more}


def bits(mask: Mask, region: str = "r1", label: str = "Red thing") -> list[dict[str, Any]]:
    """A mask of the config `BITMASK`: two items with one id."""
    value = {"imageDataURL": bitmask.encode(mask)}
    labels = {**_head(region, "labels"), "from_name": "label", "value": {**value, "labels": [label]}}
    return [{**_head(region, "bitmask"), "value": value}, labels]


def typed(*texts: Any, area: str = "prompt") -> dict[str, Any]:
    """What a text area holds."""
    return {
        "id": f"t-{area}",
        "from_name": area,
        "to_name": "image",
        "type": "textarea",
        "value": {"text": list(texts)},
    }


def annotation(number: int = 5, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An annotation with these items."""
    told = {
        "id": number,
        "result": list(items),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:01Z",
        "import_id": None,
        "last_action": None,
        "task": 1,
        "project": 1,
        "completed_by": 3,
        "updated_by": 4,
        "parent_prediction": None,
    }
    return {**told, **more}


def task(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": f"/data/{number}.png"}, "project": 1, **more}


def project(config: str = BRUSH, **more: Any) -> dict[str, Any]:
    return {"id": 1, "created_at": CREATED, "title": "Things", "label_config": config, **SECRETS, **more}


def event(action: str = "ANNOTATION_CREATED", **content: Any) -> bytes:
    """The body of an event, as `requests` writes it; by default of an annotation with one mask."""
    if action.startswith("ANNOTATION_") or action == "ANNOTATIONS_CREATED":
        content = {"annotation": annotation(5, brush(square())), "task": task(), **content}
    return json.dumps({"action": action, "project": project(), **content}).encode()


def inbox(database: Database) -> tuple[Event, ...]:
    with database.reading() as connection:
        return annotation_rows.pending(connection, 100)


def known(database: Database, key: str = KEY) -> Any:
    """The annotations that are known of a project."""
    with database.reading() as connection:
        return annotation_rows.annotations(connection, key)


def _head(region: str, kind: str) -> dict[str, Any]:
    size = {"original_height": SIZE[0], "original_width": SIZE[1], "image_rotation": 0}
    return {"id": region, "from_name": "mask", "to_name": "image", "type": kind, "origin": "manual", **size}

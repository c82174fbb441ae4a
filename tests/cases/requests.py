"""The cases that are requests: each body with its predicate."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from model.geometry import iou
from model.types import Mask
from tests.cases.judge import Answered, read, truth_of, wrong

FOLDER = Path(__file__).parents[2] / ".." / "shared" / "data" / "cases"
PROJECTS = count(1)

FOLLOWING = ("point-dragged-to-another-object", "second-image-after-first-image")  # each goes on with the one before

# Cases whose `expected` is prose: what a program can judge of it.
PROSE: dict[str, Mapping[str, Any] | list[Mapping[str, Any]]] = {
    "500-large-object-box": {"regions": 1},  # and `_more`
    "label-name-BlueCircle-typed": {"answered": True},  # and `_more`
    "label-name-blue_circle-typed": {"answered": True},
    "tiff-message": {},  # a refusal, judged by `_more`
    "jpeg-without-its-last-2-bytes": {"regions": 1, "says": "ends too early"},
    "label-dynamic-brushlabels": {"labels": ["Red thing"]},
    "label-second-brush-group-click": {"answered": True, "labels_lack": "Car"},
    "label-not-in-mask-control": {"answered": True, "labels_lack": "Car"},
    "label-two-selected": {"labels": ["Person", "Car"]},
    "preannotation-second-group": {"regions": 1, "control": "b2", "labels_lack": "Car"},
    "left-hand": {"regions": 1, "side": "left"},
    "most-to-the-left": {"regions": 1, "side": "left"},
    "plural-with-place": {"regions": 2},
    "second-image-after-first-image": [{"regions": 1}, {"answered": True, "pictures": ["after"]}],
    "textarea-query-beside-notes": {"answered": True},
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case and what is wrong with its answers."""

    name: str
    wrong: tuple[str, ...]


def load(name: str) -> dict[str, Any]:
    """A case by its file's name."""
    case: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return case


def judged(client: FlaskClient, name: str) -> Verdict:
    """Send a case's requests, one after another in a project of their own, and judge each answer."""
    case = load(name)
    bodies = case["request"] if isinstance(case["request"], list) else [case["request"]]
    checks = case.get("check") or _prose(name, len(bodies))
    project, truth = f"{next(PROJECTS)}.1795168390", truth_of(case)
    answers = [
        asked(client, body, project if name in FOLLOWING else f"{project}{at}") for at, body in enumerate(bodies)
    ]
    trouble = [line for answer, check in zip(answers, checks, strict=True) for line in wrong(answer, check, truth)]
    if name == "tiff-message":  # a refusal is what is wanted, in the right words
        trouble = []
    return Verdict(name, (*trouble, *_more(client, name, bodies[0], answers[0])))


def _prose(name: str, bodies: int) -> list[Mapping[str, Any]]:
    """A check for each body of a case whose expectation is prose."""
    told = PROSE[name]
    return told if isinstance(told, list) else [told] * bodies


def asked(client: FlaskClient, body: Mapping[str, Any], project: str) -> Answered:
    """The answer to a body, sent for another project."""
    response = client.post("/predict", json={**body, "project": project})
    return read(response.status_code, response.get_json())


def _more(client: FlaskClient, name: str, body: Mapping[str, Any], answer: Answered) -> Iterator[str]:
    """What no predicate says."""
    if name == "500-large-object-box":
        overlap = iou(answer.regions[0].mask, _boxed(body, answer.regions[0].mask)) if answer.regions else 0.0
        if overlap < 0.9:
            yield f"IoU {overlap:.2f} with the box"
    if name.startswith("label-name-"):
        plain = asked(client, _retyped(body, "blue circle"), f"{next(PROJECTS)}.1")
        alike = answer.regions and len(answer.regions) == len(plain.regions)
        pairs = zip(answer.regions, plain.regions, strict=False)
        if not alike or not all(iou(one.mask, other.mask) > 0.9 for one, other in pairs):
            yield f"not the answer to 'blue circle': {answer.said}"
    if name == "tiff-message" and ("TIFF" not in answer.said or "damaged" in answer.said):
        yield f"said {answer.said!r}"


def _boxed(body: Mapping[str, Any], like: Mask) -> Mask:
    value = next(item["value"] for item in body["params"]["context"]["result"] if "width" in item["value"])
    height, width = like.shape
    rows = slice(round(value["y"] / 100 * height), round((value["y"] + value["height"]) / 100 * height))
    columns = slice(round(value["x"] / 100 * width), round((value["x"] + value["width"]) / 100 * width))
    mask = np.zeros_like(like)
    mask[rows, columns] = True
    return mask


def _retyped(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    changed = copy.deepcopy(dict(body))
    for item in changed["params"]["context"]["result"]:
        if "text" in item["value"]:
            item["value"]["text"] = [text]
    return changed

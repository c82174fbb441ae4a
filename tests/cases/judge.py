"""Whether an answer is right: predicates over regions, labels, masks and the message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.labelstudio import bitmask, brush_rle
from model.geometry import iou
from model.types import Mask

COVERED = 0.6  # share of a thing's pixels from which it counts as covered (the cases' README)
MASKS = ("brush", "brushlabels", "bitmask", "bitmasklabels")


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A status, the regions of the first task by id, and all that was said in text areas and errors."""

    status: int
    regions: tuple[Answer, ...]
    said: str


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One region: its mask (H, W), its labels, the control and the picture that it belongs to, and its meta text."""

    mask: Mask
    labels: tuple[str, ...]
    control: str
    picture: str
    meta: str


def read(status: int, body: Any) -> Answered:
    """What came back for the first task of a request."""
    if status != 200:
        return Answered(status, (), str(body.get("error", "")))
    items: list[Mapping[str, Any]] = (body["results"] or [{}])[0].get("result", []) if body["results"][0] else []
    said = [line for item in items if item["type"] == "textarea" for line in item["value"]["text"]]
    labelled = {item["id"]: item["value"]["labels"] for item in items if item["type"] == "labels"}
    regions = tuple(_region(item, labelled) for item in items if item["type"] in MASKS)
    return Answered(status, regions, " ".join([*said, *(region.meta for region in regions)]))


def _region(item: Mapping[str, Any], labelled: Mapping[str, Sequence[str]]) -> Answer:
    value, size = item["value"], (item["original_height"], item["original_width"])
    mask = brush_rle.decode(value["rle"], size) if "rle" in value else bitmask.decode(value["imageDataURL"])
    labels = tuple(value.get(item["type"], labelled.get(item["id"], ())))
    return Answer(mask, labels, item["from_name"], item["to_name"], " ".join(item.get("meta", {}).get("text", ())))


def truth_of(case: Mapping[str, Any]) -> dict[str, Mask]:
    """The things of a case: their masks come as run lengths, row by row, ground first."""
    height, width = case.get("size") or _size(case)
    return {name: _unrolled(runs, height, width) for name, runs in case.get("truth", {}).items()}


def _size(case: Mapping[str, Any]) -> tuple[int, int]:
    total = max((sum(runs) for runs in case.get("truth", {}).values()), default=0)
    return (360, 480) if total <= 360 * 480 else (total // 480, 480)


def _unrolled(runs: Sequence[int], height: int, width: int) -> Mask:
    flat: NDArray[np.bool_] = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask = np.zeros(height * width, np.bool_)
    mask[: len(flat)] = flat
    return mask.reshape(height, width)


def wrong(answer: Answered, check: Mapping[str, Any], truth: Mapping[str, Mask]) -> list[str]:
    """What an answer gets wrong, in words; nothing where it is right."""
    if answer.status != 200:
        return [f"status {answer.status}: {answer.said}"]
    masks = [region.mask for region in answer.regions]
    union = np.any(masks, axis=0) if masks else np.zeros(1, np.bool_)
    covered = {name for name, thing in truth.items() if masks and (union & thing).sum() >= COVERED * thing.sum()}
    verdicts: dict[str, Callable[[Any], bool]] = {
        "covers": lambda names: covered == set(names),
        "covers_all": lambda names: set(names) <= covered,
        "regions": lambda count: len(masks) == count,
        "labels": lambda labels: bool(masks) and all(list(region.labels) == labels for region in answer.regions),
        "iou": lambda least: all(max(iou(mask, thing) for thing in truth.values()) >= least for mask in masks),
        "pairs": lambda pairs: sorted(_pairs(answer, truth)) == sorted(tuple(pair) for pair in pairs),
        "labels_lack": lambda label: all(label not in region.labels for region in answer.regions),
        "message_lacks": lambda words: words not in answer.said,
        "says": lambda words: words in answer.said,
        "answered": lambda wanted: wanted == bool(masks or answer.said),
        "control": lambda name: bool(masks) and all(region.control == name for region in answer.regions),
        "pictures": lambda names: all(region.picture in names for region in answer.regions),
        "side": lambda side: bool(masks) and _side(union) == side,
    }
    told = [(name, wanted) for name, wanted in check.items() if name != "text"]
    unknown = [name for name, _ in told if name not in verdicts]
    assert not unknown, f"no predicate for {unknown}"
    return [
        f"{name} {wanted}: covers {sorted(covered)}, {len(masks)} regions, "
        f"labels {[region.labels for region in answer.regions]}, said {answer.said[:120]!r}"
        for name, wanted in told
        if not verdicts[name](wanted)
    ]


def _side(mask: Mask) -> str:
    """The half of the picture that the middle of a mask lies in."""
    return "left" if np.flatnonzero(mask.any(0)).mean() < mask.shape[1] / 2 else "right"


def _pairs(answer: Answered, truth: Mapping[str, Mask]) -> list[tuple[str, str]]:
    """Each region's label with the thing that its mask shows."""
    return [
        (label, max(truth, key=lambda name: iou(truth[name], region.mask)))
        for region in answer.regions
        for label in region.labels
    ]

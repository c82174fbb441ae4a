"""Sample pictures whose truth is known, and prompts about them as Label Studio's editor sends them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pictures

from backend.labelstudio import bitmask, brush_rle, configs
from model.embedded.scenes import SHAPES, Scene, Thing, draw
from model.geometry import iou
from model.types import Image, Mask

Items = list[dict[str, Any]]

FIRST_SEED = 10_500_000  # no training set holds seeds between ten and twenty million
LEAST_SHARE = 0.01  # of the picture; a smaller thing is mostly covered by others
LABELS = "".join(f'<Label value="{shape.capitalize()}"/>' for shape in SHAPES)
CONFIG = configs.labelled(configs.BITMASK.xml, LABELS)


@dataclass(frozen=True, slots=True, eq=False)
class PromptSample:
    """A prompt about a scene; `truth` holds the mask (H, W) of each label that the answer should have."""

    kind: str
    prompt: str
    items: Items
    truth: Mapping[str, Mask]

    def score(self, answer: Sequence[Mapping[str, Any]]) -> float:
        """Mean intersection over union of all labels in truth or answer; a label that only one of them has counts 0."""
        found = masks_by_label(answer, next(iter(self.truth.values())).shape)
        overlaps = [iou(found[label], mask) if label in found else 0.0 for label, mask in self.truth.items()]
        return sum(overlaps) / len(self.truth.keys() | found.keys())


def clear_scenes(wanted: int, side: int) -> list[Scene]:
    """Draw scenes of two or three things, no two of one shape, all of them well visible."""
    return list(islice(filter(_clear, (draw(seed, side, most=3) for seed in count(FIRST_SEED))), wanted))


def samples(scene: Scene) -> Iterator[PromptSample]:
    """One prompt of each kind."""
    first, last = scene.objects[0], scene.objects[-1]
    yield PromptSample("text", name_of(first), text(name_of(first)), {label_of(first): first.mask})
    both = f"{name_of(first)} and {name_of(last)}"
    yield PromptSample("text", both, text(both), {label_of(thing): thing.mask for thing in (first, last)})
    yield PromptSample("point", f"click on {name_of(first)}", point(first), {label_of(first): first.mask})
    yield PromptSample("box", f"box around {name_of(last)}", box(last), {label_of(last): last.mask})
    yield PromptSample("pre-annotation", "labels", [], {label_of(thing): thing.mask for thing in scene.objects})


def name_of(thing: Thing) -> str:
    """What people call a thing: "the red circle"."""
    return f"the {thing.kind.colour} {thing.kind.shape}"


def label_of(thing: Thing) -> str:
    """The label of a thing in the config above."""
    return thing.kind.shape.capitalize()


def text(typed: str) -> Items:
    """Type something and press Enter."""
    value = {"text": [f"{typed}\n"]}
    return [{"id": "text", "from_name": "prompt", "to_name": "image", "type": "textarea", "value": value}]


def point(thing: Thing) -> Items:
    """Click on the thing, as far from its rim as possible."""
    depth = cv2.distanceTransform(thing.mask.astype(np.uint8), cv2.DIST_L2, 5)
    (height, width), (y, x) = depth.shape, np.unravel_index(int(depth.argmax()), depth.shape)
    value = {"x": 100 * (int(x) + 0.5) / width, "y": 100 * (int(y) + 0.5) / height, "width": 0.3}
    return drawn("point", "keypoint", value, thing)


def box(thing: Thing) -> Items:
    """Draw a rectangle around the thing."""
    rows, columns = np.flatnonzero(thing.mask.any(axis=1)), np.flatnonzero(thing.mask.any(axis=0))
    x0, x1 = (100 * int(edge) / thing.mask.shape[1] for edge in (columns[0], columns[-1] + 1))
    y0, y1 = (100 * int(edge) / thing.mask.shape[0] for edge in (rows[0], rows[-1] + 1))
    value = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
    return drawn("box", "rectangle", value, thing)


def request(image: Image, items: Items, config: str = CONFIG) -> dict[str, Any]:
    """The body of /predict for one picture (H, W, 3): interactive with prompts, a pre-annotation without."""
    task = {"id": 1, "data": {"image": data_uri(image)}, "annotations": [], "predictions": [], "drafts": []}
    params = {"login": None, "password": None, "context": {"result": items} if items else None}
    return {"tasks": [task], "project": "1.1795168390", "label_config": config, "params": params}


def data_uri(image: Image) -> str:
    """A picture (H, W, 3) as a PNG in a data URI."""
    stream = io.BytesIO()
    Pictures.fromarray(image).save(stream, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def masks_by_label(items: Sequence[Mapping[str, Any]], size: tuple[int, ...]) -> dict[str, Mask]:
    """All pixels (H, W) of each label; mask and label of a bare <Bitmask> are two items with one id."""
    labels = {item["id"]: item["value"]["labels"][0] for item in items if item["type"] == "labels"}
    masks: dict[str, Mask] = {}
    for item in items:
        if item["type"] == "bitmask":
            label, mask = labels.get(item["id"], ""), bitmask.decode(item["value"]["imageDataURL"])
        elif item["type"] == "brushlabels":
            label, mask = item["value"]["brushlabels"][0], brush_rle.decode(item["value"]["rle"], (size[0], size[1]))
        else:
            continue
        masks[label] = masks[label] | mask if label in masks else mask
    return masks


def drawn(control: str, kind: str, value: dict[str, Any], thing: Thing) -> Items:
    """What was drawn and its label, as two items with one id."""
    height, width = thing.mask.shape
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    head = {"id": "drawn", "to_name": "image", "is_positive": True, "origin": "manual", **size}
    item = {**head, "from_name": control, "type": kind, "value": value}
    return [item, {**head, "from_name": "label", "type": "labels", "value": {**value, "labels": [label_of(thing)]}}]


def _clear(scene: Scene) -> bool:
    shapes = [thing.kind.shape for thing in scene.objects]
    visible = all(np.count_nonzero(thing.mask) >= LEAST_SHARE * thing.mask.size for thing in scene.objects)
    return len(shapes) >= 2 and len(set(shapes)) == len(shapes) and visible

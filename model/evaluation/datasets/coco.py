"""COCO in its own files: the 80 objects against background, and the panoptic classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from model.evaluation.datasets.dataset_files import mask_of, picture, read_json, there
from model.evaluation.datasets.examples import BACKGROUND, IGNORED, ClassMap, Dataset, EvaluationExample
from model.evaluation.datasets.voc import GIVEN


def open_objects(root: Path, split: str) -> Dataset:
    """COCO Object: annotations/instances_SPLIT.json and the pictures in SPLIT; everything else is background.

    Small objects lie over large ones; crowds do not count. Pictures without objects are left out.
    """
    stored = read_json(root / "annotations" / f"instances_{split}.json", "COCO's instances")
    categories = sorted(stored["categories"], key=lambda category: category["id"])
    numbers = {category["id"]: number for number, category in enumerate(categories, start=1)}
    names = (BACKGROUND, *(category["name"] for category in categories))
    images = {str(image["id"]): image for image in stored["images"]}
    annotations: dict[str, list[Any]] = defaultdict(list)
    for annotation in stored["annotations"]:
        annotations[str(annotation["image_id"])].append(annotation)

    def load(key: str) -> EvaluationExample:
        image = images[key]
        labels = _painted(annotations[key], numbers, (image["height"], image["width"]))
        return EvaluationExample(key, picture(root / split / image["file_name"]), classes=ClassMap(names, labels))

    keys = tuple(key for key in images if key in annotations)
    return Dataset(f"COCO Object {split}", keys, load, f"{GIVEN} Background is class 0; crowds do not count.")


def _painted(annotations: list[Any], numbers: Mapping[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    labels = np.zeros(size, np.uint8)
    for annotation in sorted(annotations, key=lambda each: -each["area"]):
        value = IGNORED if annotation.get("iscrowd") else numbers[annotation["category_id"]]
        labels[mask_of(annotation["segmentation"], size)] = value
    return labels


def open_panoptic(root: Path, split: str) -> Dataset:
    """COCO panoptic: annotations/panoptic_SPLIT.json, and pictures of ids (R + 256 G + 65536 B) in panoptic_SPLIT."""
    folder = there(root / "annotations" / f"panoptic_{split}", "COCO's panoptic maps")
    stored = read_json(root / "annotations" / f"panoptic_{split}.json", "COCO's panoptic segments")
    numbers = {category["id"]: number for number, category in enumerate(stored["categories"])}
    names = tuple(spoken(category["name"]) for category in stored["categories"])
    images = {image["id"]: image["file_name"] for image in stored["images"]}
    annotations = {str(annotation["image_id"]): annotation for annotation in stored["annotations"]}

    def load(key: str) -> EvaluationExample:
        annotation = annotations[key]
        ids = _ids(folder / annotation["file_name"])
        labels = np.full(ids.shape, IGNORED, np.uint8)
        for segment in annotation["segments_info"]:
            if not segment.get("iscrowd"):
                labels[ids == segment["id"]] = numbers[segment["category_id"]]
        image = picture(root / split / images[annotation["image_id"]])
        return EvaluationExample(key, image, classes=ClassMap(names, labels))

    note = f"{GIVEN} Unlabelled pixels and crowds do not count; instances of one class are one region."
    return Dataset(f"COCO panoptic {split}", tuple(annotations), load, note)


def spoken(name: str) -> str:
    """A class name as people say it: "wall-other-merged" is a wall, "floor-wood" a floor wood."""
    return re.sub(r"(-other|-merged|-stuff)+$", "", name).replace("-", " ")


def _ids(path: Path) -> NDArray[np.int64]:
    """Segment ids (H, W) from a picture's colours."""
    with Pictures.open(there(path, "a panoptic map")) as opened:
        colours = np.array(opened.convert("RGB"), np.int64)
    return np.asarray(colours @ np.array([1, 256, 65536]))

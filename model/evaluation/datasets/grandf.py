"""GranDf (GLaMM): captions whose phrases are grounded in masks."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from model.evaluation.datasets.dataset_files import mask_of, picture, read_json, there
from model.evaluation.datasets.examples import Dataset, EvaluationExample, Item, Target
from model.types import Mask

NOTE = (
    "The text is the ground-truth caption, as in Segment Anyword. Matched IoU and recall pair predicted masks with "
    "true ones by IoU, as GLaMM does, without comparing their words."
)


def open_grandf(root: Path, split: str) -> Dataset:
    """The human-annotated part: `train` with token positions, `val` and `test` with masks only."""
    return _open_grounded(root) if split == "train" else _open_masks(root, split)


def _open_grounded(root: Path) -> Dataset:
    """annotations/train/GranDf_HA_GCG_train.json: a caption, and for each phrase its characters and its masks."""
    stored = read_json(root / "annotations" / "train" / "GranDf_HA_GCG_train.json", "GranDf's captions")
    captions = {entry["file_name"]: entry for entry in stored}
    folder = there(root / "GranDf_HA_images" / "train", "GranDf's pictures")

    def load(key: str) -> EvaluationExample:
        image = picture(folder / key)
        size = image.shape[0], image.shape[1]
        return EvaluationExample(key, image, (_grounded(captions[key], size),))

    return Dataset("GranDf train", tuple(captions), load, NOTE)


def _grounded(entry: Any, size: tuple[int, int]) -> Item:
    """A caption with its phrases. Quotation marks around a caption are dropped, so the positions are those after."""
    text = entry["caption"].strip('"').strip()
    targets = []
    for grounding in entry["groundings"].values():
        start, end = grounding["token_positives"]
        targets.append(Target(_union([mask_of(each, size) for each in grounding["rle_masks"]], size), (start, end)))
    return Item(text, tuple(targets), tuple(target.mask for target in targets), separate=False)


def _union(masks: list[Mask], size: tuple[int, int]) -> Mask:
    return np.asarray(np.any([np.zeros(size, np.bool_), *masks], axis=0))


def _open_masks(root: Path, split: str) -> Dataset:
    """annotations/val_test/SPLIT_gcg_coco_{caption,mask}_gt.json: captions and masks that no words are tied to."""
    folder = root / "annotations" / "val_test"
    captions = read_json(folder / f"{split}_gcg_coco_caption_gt.json", "GranDf's captions")
    masks = read_json(folder / f"{split}_gcg_coco_mask_gt.json", "GranDf's masks")
    pictures = there(root / "GranDf_HA_images" / "val_test", "GranDf's pictures")
    texts = {str(each["image_id"]): each["caption"] for each in captions["annotations"]}
    files = {str(each["id"]): each.get("file_name", f"{each['id']}.jpg") for each in captions["images"]}
    segmentations: dict[str, list[Any]] = defaultdict(list)
    for annotation in masks["annotations"]:
        segmentations[str(annotation["image_id"])].append(annotation["segmentation"])

    def load(key: str) -> EvaluationExample:
        image = picture(pictures / files[key])
        objects = tuple(mask_of(each, (image.shape[0], image.shape[1])) for each in segmentations[key])
        return EvaluationExample(key, image, (Item(texts[key].strip('"').strip(), (), objects, separate=False),))

    return Dataset(f"GranDf {split}", tuple(texts), load, NOTE)

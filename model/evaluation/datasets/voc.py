"""PASCAL VOC 2012 and Pascal Context-59 in their own folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.evaluation.datasets.dataset_files import lines, picture, there, values
from model.evaluation.datasets.examples import BACKGROUND, IGNORED, ClassMap, Dataset, EvaluationExample

# In the order of their values, written as people say them.
VOC_NAMES = (
    BACKGROUND, "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table",
    "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
)  # fmt: skip
CONTEXT_NAMES = (
    "aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle", "building", "bus",
    "cabinet", "car", "cat", "ceiling", "chair", "cloth", "computer", "cow", "cup", "curtain", "dog", "door", "fence",
    "floor", "flower", "food", "grass", "ground", "horse", "keyboard", "light", "motorbike", "mountain", "mouse",
    "person", "plate", "platform", "potted plant", "road", "rock", "sheep", "shelves", "sidewalk", "sign", "sky",
    "snow", "sofa", "table", "track", "train", "tree", "truck", "tv monitor", "wall", "water", "window", "wood",
)  # fmt: skip
GIVEN = "The names asked for are the classes that the truth shows in each picture."


def open_voc(root: Path, split: str) -> Dataset:
    """VOC 2012: ImageSets/Segmentation/SPLIT.txt, JPEGImages, SegmentationClass (palette, 255 does not count)."""
    keys = lines(root / "ImageSets" / "Segmentation" / f"{split}.txt", "VOC's list of pictures")
    maps = there(root / "SegmentationClass", "VOC's label maps")

    def load(key: str) -> EvaluationExample:
        labels = ClassMap(VOC_NAMES, values(maps / f"{key}.png"))
        return EvaluationExample(key, picture(root / "JPEGImages" / f"{key}.jpg"), classes=labels)

    return Dataset(f"VOC 2012 {split}", keys, load, f"{GIVEN} Background is class 0.")


def open_context(root: Path, split: str) -> Dataset:
    """Pascal Context-59 as mmsegmentation lays it out: SegmentationClassContext, ImageSets/SegmentationContext.

    Its maps count from 1; 0 is what none of the 59 classes covers, and does not count.
    """
    keys = lines(root / "ImageSets" / "SegmentationContext" / f"{split}.txt", "Pascal Context's list of pictures")
    maps = there(root / "SegmentationClassContext", "Pascal Context's label maps")

    def load(key: str) -> EvaluationExample:
        stored = values(maps / f"{key}.png")
        labels = np.where((stored == 0) | (stored == IGNORED), IGNORED, stored - np.uint8(1)).astype(np.uint8)
        image = picture(root / "JPEGImages" / f"{key}.jpg")
        return EvaluationExample(key, image, classes=ClassMap(CONTEXT_NAMES, labels))

    return Dataset(f"Pascal Context-59 {split}", keys, load, f"{GIVEN} Pixels of no class do not count.")

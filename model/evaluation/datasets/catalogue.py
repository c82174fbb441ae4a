"""The data sets by the names that the command line takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from model.errors import Misconfigured
from model.evaluation.datasets.bsds import open_bsds
from model.evaluation.datasets.coco import open_objects, open_panoptic
from model.evaluation.datasets.dataset_files import there
from model.evaluation.datasets.examples import Dataset
from model.evaluation.datasets.grandf import open_grandf
from model.evaluation.datasets.refcoco import open_grefcoco, open_refcoco
from model.evaluation.datasets.scene_splits import Asked, open_scenes
from model.evaluation.datasets.voc import open_context, open_voc

Opener = Callable[[Path, str], Dataset]

FILES: Mapping[str, tuple[Opener, str]] = {  # and the split that is measured unless another is named
    "voc": (open_voc, "val"),
    "context": (open_context, "val"),
    "coco-object": (open_objects, "val2017"),
    "coco-panoptic": (open_panoptic, "val2017"),
    "refcoco": (open_refcoco("refcoco", "unc"), "val"),
    "refcoco+": (open_refcoco("refcoco+", "unc"), "val"),
    "refcocog": (open_refcoco("refcocog", "umd"), "val"),
    "refcocog-google": (open_refcoco("refcocog", "google"), "val"),
    "grefcoco": (open_grefcoco, "val"),
    "grandf": (open_grandf, "val"),
    "bsds": (open_bsds, "val"),
}
SCENES: Mapping[str, tuple[str, Asked]] = {
    "scenes-easy": ("easy", "phrases"),
    "scenes-hard": ("hard", "phrases"),
    "scenes-captions": ("hard", "captions"),
    "scenes-labels": ("hard", "labels"),
    "scenes-syntax": ("syntax", "phrases"),
    "scenes-clicks": ("hard", "clicks"),
}


def open_files(name: str, root: Path | None, split: str | None) -> Dataset:
    """A data set of files below `root`. Raises Misconfigured where the root is not named or lacks something."""
    if root is None:
        raise Misconfigured(f"where is {name}? name its folder with --root")
    opener, usual = FILES[name]
    return opener(there(root, f"the folder of {name}"), split or usual)


def open_made(name: str, count: int, tuning: bool) -> Dataset:
    """A data set of `count` scenes, held-out ones or those for tuning."""
    split, asked = SCENES[name]
    return open_scenes(split, count, asked, tuning)

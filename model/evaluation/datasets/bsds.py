"""BSDS500: photographs and the segments that people drew, to be clicked on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import io

from model.errors import Misconfigured
from model.evaluation.datasets.dataset_files import picture, there, values
from model.evaluation.datasets.examples import Dataset, EvaluationExample
from model.evaluation.scenarios.photographs import LEAST_SHARE, segments

NOTE = f"The truth is the first annotator's; segments above {LEAST_SHARE:.0%} of a picture are clicked on."


def open_bsds(root: Path, split: str) -> Dataset:
    """Either BSDS500's own folders images/SPLIT and groundTruth/SPLIT (.mat), or one folder of N.jpg and N.png.

    The grey values of N.png number the segments; such a folder is one split.
    """
    original = (root / "images").is_dir()
    pictures = there(root / "images" / split if original else root, "BSDS500's pictures")
    keys = tuple(sorted(path.stem for path in pictures.glob("*.jpg")))
    if not keys:
        raise Misconfigured(f"BSDS500's pictures are missing: no .jpg file in {pictures}")

    def load(key: str) -> EvaluationExample:
        image = picture(pictures / f"{key}.jpg")
        if original:
            return EvaluationExample(
                key, image, objects=tuple(segments(drawn(root / "groundTruth" / split / f"{key}.mat")))
            )
        return EvaluationExample(key, image, objects=tuple(segments(values(root / f"{key}.png"))))

    return Dataset(f"BSDS500 {split}", keys, load, NOTE)


def drawn(path: Path) -> NDArray[np.uint16]:
    """The first annotator's segment numbers (H, W): groundTruth{1}.Segmentation of a MATLAB file."""
    cells = io.loadmat(there(path, "BSDS500's segments"))["groundTruth"]
    return np.asarray(cells[0, 0]["Segmentation"][0, 0], np.uint16)

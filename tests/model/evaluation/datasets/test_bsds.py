from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures
from scipy import io

from model.errors import Misconfigured
from model.evaluation.datasets.bsds import open_bsds
from tests.model.evaluation.datasets.files import SIZE, write_picture

NUMBERS = np.ones(SIZE, np.uint16)
NUMBERS[:5, :10], NUMBERS[10:12, :5] = 2, 3  # 50 pixels, and 10 of 600: too small to click on


def test_its_own_folders_with_matlab_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "images/val/42049.jpg")
    (tmp_path / "groundTruth/val").mkdir(parents=True)
    cells = np.empty((1, 2), object)
    for at, numbers in enumerate((NUMBERS, np.ones(SIZE, np.uint16))):  # two annotators
        cells[0, at] = {"Segmentation": numbers, "Boundaries": np.zeros(SIZE, np.uint8)}
    io.savemat(tmp_path / "groundTruth/val/42049.mat", {"groundTruth": cells})
    dataset = open_bsds(tmp_path, "val")
    assert dataset.keys == ("42049",)
    assert [int(mask.sum()) for mask in dataset.load("42049").objects] == [540, 50]


def test_one_folder_of_photographs_and_maps(tmp_path: Path) -> None:
    write_picture(tmp_path / "42049.jpg")
    Pictures.fromarray(NUMBERS.astype(np.uint8)).save(tmp_path / "42049.png")
    assert [int(mask.sum()) for mask in open_bsds(tmp_path, "val").load("42049").objects] == [540, 50]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"\.jpg"):
        open_bsds(tmp_path, "val")


def test_the_shared_photographs_are_read() -> None:
    root = Path(__file__).parents[5] / "shared" / "data" / "bsds500-val"
    if not root.is_dir():
        pytest.skip("the BSDS500 photographs are not here")
    dataset = open_bsds(root, "val")
    example = dataset.load(dataset.keys[0])
    assert example.image.shape[:2] == example.objects[0].shape
    assert all(mask.mean() > 0.02 for mask in example.objects)

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from model.errors import Misconfigured
from model.evaluation.datasets.coco import open_objects, open_panoptic, spoken
from model.evaluation.datasets.voc import CONTEXT_NAMES, VOC_NAMES, open_context, open_voc
from tests.model.evaluation.datasets.files import (
    SIZE,
    block,
    counts,
    polygon,
    write_json,
    write_palette,
    write_picture,
    write_text,
)

# pycocotools' compiled part speaks numpy 1's array protocol.


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    write_text(tmp_path / "ImageSets/Segmentation/val.txt", "2007_000033\n2007_000042\n")
    labels = np.zeros(SIZE, np.uint8)
    labels[2:8, 3:9], labels[10:15, 10:20], labels[9, :] = 15, 11, 255
    for key in ("2007_000033", "2007_000042"):
        write_picture(tmp_path / f"JPEGImages/{key}.jpg")
        write_palette(tmp_path / f"SegmentationClass/{key}.png", labels)
    return tmp_path


def test_voc_gives_names_and_values_of_its_palette(voc: Path) -> None:
    dataset = open_voc(voc, "val")
    assert dataset.keys == ("2007_000033", "2007_000042")
    example = dataset.load("2007_000033")
    assert example.image.shape == (*SIZE, 3)
    assert example.classes is not None
    assert [example.classes.names[value] for value in example.classes.present] == ["dining table", "person"]
    assert np.count_nonzero(example.classes.labels == 15) == 36
    assert np.count_nonzero(example.classes.labels == 255) == 30
    assert len(VOC_NAMES) == 21


def test_what_is_missing_is_named(voc: Path) -> None:
    with pytest.raises(Misconfigured, match=r"trainval\.txt"):
        open_voc(voc, "trainval")
    (voc / "SegmentationClass/2007_000033.png").unlink()
    with pytest.raises(Misconfigured, match=r"2007_000033\.png"):
        open_voc(voc, "val").load("2007_000033")


def test_a_label_map_in_colours_is_refused(voc: Path) -> None:
    write_picture(voc / "SegmentationClass/2007_000033.png")
    with pytest.raises(Misconfigured, match="palette"):
        open_voc(voc, "val").load("2007_000033")


def test_context_counts_from_one_and_leaves_the_rest_out(tmp_path: Path) -> None:
    write_text(tmp_path / "ImageSets/SegmentationContext/val.txt", "2008_000002\n")
    labels = np.zeros(SIZE, np.uint8)
    labels[:5], labels[5:10] = 1, 59
    write_picture(tmp_path / "JPEGImages/2008_000002.jpg")
    write_palette(tmp_path / "SegmentationClassContext/2008_000002.png", labels)
    classes = open_context(tmp_path, "val").load("2008_000002").classes
    assert classes is not None
    assert len(CONTEXT_NAMES) == 59
    assert [classes.names[value] for value in classes.present] == ["aeroplane", "wood"]
    assert np.count_nonzero(classes.labels == 255) == 10 * SIZE[1]


def test_coco_objects_lie_over_larger_ones_and_crowds_do_not_count(tmp_path: Path) -> None:
    crowd = block(15, 0, 20, 30)
    annotations = [
        {"image_id": 7, "category_id": 3, "area": 4, "iscrowd": 0, "segmentation": polygon(4, 4, 6, 6)},
        {"image_id": 7, "category_id": 90, "area": 100, "iscrowd": 0, "segmentation": polygon(0, 0, 10, 10)},
        {"image_id": 7, "category_id": 3, "area": 150, "iscrowd": 1, "segmentation": counts(crowd)},
    ]
    images = [{"id": number, "file_name": f"{number:012d}.jpg", "height": 20, "width": 30} for number in (7, 8)]
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}]
    stored = {"images": images, "annotations": annotations, "categories": categories}
    write_json(tmp_path / "annotations/instances_val2017.json", stored)
    write_picture(tmp_path / "val2017/000000000007.jpg")
    dataset = open_objects(tmp_path, "val2017")
    assert dataset.keys == ("7",)
    classes = dataset.load("7").classes
    assert classes is not None
    assert classes.names == ("background", "car", "toothbrush")
    found = [int(np.count_nonzero(classes.labels == value)) for value in (0, 1, 2, 255)]
    assert found == [600 - 100 - 150, 4, 96, 150]


def test_coco_panoptic_reads_ids_from_colours(tmp_path: Path) -> None:
    ids = np.zeros((*SIZE, 3), np.uint8)
    ids[:10] = (1, 2, 0)  # 1 + 2 * 256
    ids[10:15] = (0, 0, 1)  # 65536
    (tmp_path / "annotations/panoptic_val2017").mkdir(parents=True)
    Pictures.fromarray(ids).save(tmp_path / "annotations/panoptic_val2017/000000000007.png")
    segments = [{"id": 513, "category_id": 199, "iscrowd": 0}, {"id": 65536, "category_id": 1, "iscrowd": 1}]
    stored = {
        "images": [{"id": 7, "file_name": "000000000007.jpg", "height": 20, "width": 30}],
        "annotations": [{"image_id": 7, "file_name": "000000000007.png", "segments_info": segments}],
        "categories": [{"id": 1, "name": "person"}, {"id": 199, "name": "wall-other-merged"}],
    }
    write_json(tmp_path / "annotations/panoptic_val2017.json", stored)
    write_picture(tmp_path / "val2017/000000000007.jpg")
    classes = open_panoptic(tmp_path, "val2017").load("7").classes
    assert classes is not None
    assert [classes.names[value] for value in classes.present] == ["wall"]
    assert np.count_nonzero(classes.labels == 1) == 300
    assert np.count_nonzero(classes.labels == 255) == 300


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wall-other-merged", "wall"),
        ("floor-wood", "floor wood"),
        ("playingfield", "playingfield"),
        ("rug-merged", "rug"),
    ],
)
def test_panoptic_names_are_said_as_people_say_them(name: str, said: str) -> None:
    assert spoken(name) == said


def test_broken_json_is_told_by_its_path(tmp_path: Path) -> None:
    write_text(tmp_path / "annotations/instances_val2017.json", '{"images": [')
    with pytest.raises(Misconfigured, match=r"instances_val2017\.json is not JSON"):
        open_objects(tmp_path, "val2017")

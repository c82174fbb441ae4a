import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import Misconfigured
from model.evaluation.datasets.grandf import open_grandf
from model.evaluation.datasets.refcoco import open_grefcoco, open_refcoco
from tests.model.evaluation.datasets.files import SIZE, block, packed, polygon, write_json, write_picture

# pycocotools' compiled part speaks numpy 1's array protocol.
FILE = "COCO_train2014_000000000007.jpg"
INSTANCES = {
    "images": [{"id": 7, "file_name": FILE, "height": SIZE[0], "width": SIZE[1]}],
    "annotations": [
        {"id": 11, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": polygon(0, 0, 10, 10)},
        {"id": 12, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": polygon(10, 10, 15, 20)},
    ],
}


def reference(ann_id: Any, *texts: str, split: str = "val") -> dict[str, Any]:
    sentences = [{"sent": text, "raw": text.upper(), "sent_id": 1, "tokens": text.split()} for text in texts]
    return {"ref_id": 1, "ann_id": ann_id, "image_id": 7, "category_id": 1, "split": split, "sentences": sentences}


def write_refcoco(root: Path, references: object) -> None:
    write_json(root / "refcoco/instances.json", INSTANCES)
    (root / "refcoco/refs(unc).p").write_bytes(pickle.dumps(references, protocol=2))
    write_picture(root / "images/mscoco/images/train2014" / FILE)


def test_refcoco_gives_each_sentence_of_a_split(tmp_path: Path) -> None:
    references = [reference(11, "left dog", "the big one"), reference(12, "cat", split="testA"), reference(12, "cat")]
    write_refcoco(tmp_path, references)
    dataset = open_refcoco("refcoco", "unc")(tmp_path, "val")
    assert dataset.keys == ("7",)
    example = dataset.load("7")
    assert [item.text for item in example.items] == ["left dog", "the big one", "cat"]
    assert [int(item.targets[0].mask.sum()) for item in example.items] == [100, 100, 50]
    assert [len(item.objects) for item in example.items] == [1, 1, 1]


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    write_refcoco(tmp_path, [reference(11, "dog"), reference(11, "dog", split="testA")])
    with pytest.raises(Misconfigured, match="testA, val"):
        open_refcoco("refcoco", "unc")(tmp_path, "test")


class Harmful:
    """What a pickle from a stranger may hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harm",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_refcoco(tmp_path, [Harmful()])
    with pytest.raises(Misconfigured, match="mkdir"):
        open_refcoco("refcoco", "unc")(tmp_path, "val")
    assert not (tmp_path / "harm").exists()


def test_missing_references_and_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"refs\(umd\)\.p"):
        open_refcoco("refcocog", "umd")(tmp_path, "val")
    write_refcoco(tmp_path, [reference(11, "dog")])
    (tmp_path / "images/mscoco/images/train2014" / FILE).unlink()
    (tmp_path / "images/mscoco/images/train2014").rmdir()
    with pytest.raises(Misconfigured, match="train2014"):
        open_refcoco("refcoco", "unc")(tmp_path, "val")


def test_grefcoco_has_texts_about_several_objects_and_about_none(tmp_path: Path) -> None:
    write_json(tmp_path / "grefcoco/instances.json", INSTANCES)
    references = [reference([11, 12], "both"), reference([-1], "the zebra")]
    write_json(tmp_path / "grefcoco/grefs(unc).json", references)
    write_picture(tmp_path / "train2014" / FILE)
    both, none = open_grefcoco(tmp_path, "val").load("7").items
    assert (both.text, int(both.targets[0].mask.sum()), len(both.objects)) == ("both", 150, 2)
    assert (none.text, int(none.targets[0].mask.sum()), len(none.objects)) == ("the zebra", 0, 0)


def test_grandf_ties_phrases_to_masks(tmp_path: Path) -> None:
    caption = '"A man rides a brown horse."'
    groundings = {
        "A man": {"token_positives": [0, 5], "rle_masks": [packed(block(0, 0, 5, 5))]},
        "a brown horse": {
            "token_positives": [12, 25],
            "rle_masks": [packed(block(5, 5, 10, 10)), packed(block(5, 20, 10, 22))],
        },
    }
    entry = {"file_name": "sa_1.jpg", "caption": caption, "groundings": groundings}
    write_json(tmp_path / "annotations/train/GranDf_HA_GCG_train.json", [entry])
    write_picture(tmp_path / "GranDf_HA_images/train/sa_1.jpg")
    (item,) = open_grandf(tmp_path, "train").load("sa_1.jpg").items
    assert item.text == "A man rides a brown horse."
    assert [item.text[slice(*target.span)] for target in item.targets if target.span] == ["A man", "a brown horse"]
    assert [int(target.mask.sum()) for target in item.targets] == [25, 35]
    assert not item.separate


def test_grandf_val_has_captions_and_masks_apart(tmp_path: Path) -> None:
    folder = tmp_path / "annotations/val_test"
    captions = {"images": [{"id": "sa_9"}], "annotations": [{"image_id": "sa_9", "caption": "A cat on a mat."}]}
    masks = {"annotations": [{"image_id": "sa_9", "segmentation": packed(block(0, 0, 4, 4)), "category_id": 1}]}
    write_json(folder / "val_gcg_coco_caption_gt.json", captions)
    write_json(folder / "val_gcg_coco_mask_gt.json", masks)
    write_picture(tmp_path / "GranDf_HA_images/val_test/sa_9.jpg")
    (item,) = open_grandf(tmp_path, "val").load("sa_9").items
    assert (item.text, item.targets) == ("A cat on a mat.", ())
    assert np.array_equal(item.objects[0], block(0, 0, 4, 4))

"""RefCOCO, RefCOCO+, RefCOCOg and gRefCOCO in REFER's layout: a folder for each with its references and instances."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from model.errors import Misconfigured
from model.evaluation.datasets.dataset_files import mask_of, picture, read_json, there
from model.evaluation.datasets.examples import Dataset, EvaluationExample, Item, Target
from model.types import Mask

PICTURES = ("images/mscoco/images/train2014", "train2014")  # REFER's layout and COCO's own
NO_TARGET = -1  # the annotation id of an expression about nothing in the picture (gRefCOCO)
NOTE = "Each expression is asked alone; all regions of the answer together are compared with the truth."


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, mappings, texts and numbers, and refuses everything else: a pickle could run any code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it holds a {module}.{name}, and a list of references needs no such thing")


def open_refcoco(name: str, by: str) -> Callable[[Path, str], Dataset]:
    """A reader of `name` (refcoco, refcoco+, refcocog) with the references of `by` (unc, umd, google)."""

    def opened(root: Path, split: str) -> Dataset:
        references = _unpickled(root / name / f"refs({by}).p")
        return _dataset(f"{name} ({by}) {split}", root, root / name, _of(references, split, name))

    return opened


def open_grefcoco(root: Path, split: str) -> Dataset:
    """gRefCOCO: expressions about one object, about several and about none."""
    references = read_json(root / "grefcoco" / "grefs(unc).json", "gRefCOCO's references")
    return _dataset(f"gRefCOCO {split}", root, root / "grefcoco", _of(references, split, "grefcoco"))


def _unpickled(path: Path) -> list[Any]:
    with there(path, "the list of references").open("rb") as file:
        return _plain(file, path)


def _plain(file: IO[bytes], path: Path) -> list[Any]:
    try:
        found = _PlainUnpickler(file, encoding="utf-8", errors="replace").load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise Misconfigured(f"the list of references {path} cannot be read: {error}") from error
    if not isinstance(found, list):
        raise Misconfigured(f"the list of references {path} is a {type(found).__name__}")
    return found


def _of(references: Iterable[Any], split: str, name: str) -> dict[str, list[Any]]:
    """The references of a split by picture."""
    found: dict[str, list[Any]] = defaultdict(list)
    known = set()
    for reference in references:
        known.add(reference["split"])
        if reference["split"] == split:
            found[str(reference["image_id"])].append(reference)
    if not found:
        raise Misconfigured(f"{name} has no split '{split}': use one of {', '.join(sorted(known))}")
    return found


@dataclass(frozen=True, slots=True)
class _Instances:
    """COCO's instances: picture entries and annotations by id."""

    images: Mapping[str, Any]
    annotations: Mapping[int, Any]

    def masks(self, reference: Any, size: tuple[int, int]) -> tuple[Mask, ...]:
        """One mask (H, W) for each object that a reference means."""
        ids = reference["ann_id"] if isinstance(reference["ann_id"], list) else [reference["ann_id"]]
        meant = [self.annotations[number] for number in ids if number != NO_TARGET]
        return tuple(mask_of(annotation["segmentation"], size) for annotation in meant)


def _dataset(name: str, root: Path, folder: Path, references: Mapping[str, list[Any]]) -> Dataset:
    stored = read_json(folder / "instances.json", "the instances of the references")
    instances = _Instances(
        {str(image["id"]): image for image in stored["images"]},
        {annotation["id"]: annotation for annotation in stored["annotations"]},
    )
    pictures = next((root / each for each in PICTURES if (root / each).is_dir()), root / PICTURES[0])
    there(pictures, "COCO's pictures train2014")

    def load(key: str) -> EvaluationExample:
        image = instances.images[key]
        size = image["height"], image["width"]
        items = [item for reference in references[key] for item in _items(reference, instances, size)]
        return EvaluationExample(key, picture(pictures / image["file_name"]), tuple(items))

    return Dataset(name, tuple(references), load, NOTE)


def _items(reference: Any, instances: _Instances, size: tuple[int, int]) -> list[Item]:
    """One item for each sentence of a reference."""
    objects = instances.masks(reference, size)
    whole = np.any(objects, axis=0) if objects else np.zeros(size, np.bool_)
    target = Target(np.asarray(whole, np.bool_))
    return [Item(sentence["sent"], (target,), objects) for sentence in reference["sentences"]]

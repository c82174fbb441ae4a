"""What is remembered of annotations: frozen values, independent of the database and of Label Studio's JSON.

`project` is "<id>.<created unix>" everywhere, as Label Studio names it in /setup and /predict.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from model.coco_rle import CocoRle


@dataclass(frozen=True, slots=True)
class Correction:
    """One mask that an annotator left in an annotation.

    region: the region's id in Label Studio. label: as results carry it; None for a mask without one. origin: Label
    Studio's word for where the region came from: "manual", "prediction" or "prediction-changed".
    """

    region: str
    label: str | None
    mask: CocoRle
    origin: str = "manual"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation as it was stored last.

    picture: the task's address of the picture, as it stands in the task's data. user: the id of the one who changed it
    last, as text. `cancelled`: a skip. `texts`: what the annotation's prompt text areas hold. complete: whether every
    mask in it could be read.
    """

    id: int
    task: int
    picture: str
    user: str
    updated: datetime  # aware, UTC
    cancelled: bool = False
    ground_truth: bool = False
    imported: bool = False
    parent_prediction: int | None = None
    texts: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """One region that the backend offered: what was asked for, and the mask as predicted.

    phrase: the text that it answers, empty where points, boxes or strokes asked. `version`: the model version.
    """

    region: str
    task: str
    label: str | None
    phrase: str
    mask: CocoRle
    version: str

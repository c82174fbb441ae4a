"""One class for each pixel: label maps from a class list, and pseudo-masks from image-level labels (iSeg, InvSeg)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from model.engine import Engine
from model.grounding.canvas import strongest
from model.grounding.features import BACKGROUND, classes_of
from model.grounding.phrase_maps import bind, brightest
from model.methods.iseg import refine
from model.methods.segment_anyword.inversion import GiveWay
from model.text.class_prompt import class_names, class_wording
from model.text.normalize import spoken
from model.types import Image, Query


@dataclass(frozen=True, slots=True)
class Background:
    """What makes a pixel background, given class maps in 0..1.

    threshold: every class below `least` there (iSeg on COCO, 0.45). power: (1 - m)^2 is at least m, the greatest
    class there, so m up to 0.38 (iSeg on VOC and Context). class: the word "background" of the text has a map of
    its own and competes (InvSeg).
    """

    rule: Literal["threshold", "power", "class"] = "power"
    least: float = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """labels (H, W): 0 is background, k the class names[k]; names[0] is "background"."""

    labels: NDArray[np.int32]
    names: tuple[str, ...]


POWER = Background()


def label(
    engine: Engine, image: Image, names: Sequence[str], background: Background = POWER, give_way: GiveWay = lambda: None
) -> LabelMap:
    """Give each pixel of an image (H, W, 3) one of the named classes, or background.

    Only the named classes compete, and each has its maximum somewhere: name those that the picture shows. From
    image-level labels this makes pseudo-masks (iSeg). Under a preset it is `label(engine.under("balanced"), ...)`.
    Raises BadQuery for a class list that cannot be answered (class_prompt.py), BadImage and OutOfMemory.
    """
    engine.words(image, Query())
    classes = class_names(names)
    return engine.within_memory(lambda engine: _labelled(engine, image, classes, background, give_way))


def _labelled(
    engine: Engine, image: Image, classes: Sequence[str], background: Background, give_way: GiveWay
) -> LabelMap:
    models, known = engine.models, frozenset(engine.models.backbone.words)
    read = [spoken(name, known) for name in classes]
    wording = class_wording(read, models.parser, models.backbone, engine.config.template)
    seen = engine.see(image)
    attention = engine.attend(seen, wording, give_way)
    competing = classes_of(wording) if background.rule == "class" else wording.sought
    scores = bind(attention, competing, engine.config.attention)
    maps = brightest(refine(scores, attention.broad, attention.among, engine.config.refine).scores)
    return LabelMap(label_map(maps, seen.size, background), (BACKGROUND, *classes))


def label_map(maps: torch.Tensor, size: tuple[int, int], background: Background) -> NDArray[np.int32]:
    """Labels (H, W) from class maps (K, g, g) in 0..1: 0 is background, k + 1 the map number k.

    Under the rule "class" the last map is the background's. A pixel where all maps are 0 is background.
    """
    if background.rule == "class":
        return strongest(torch.cat([maps[-1:], maps[:-1]]), size)[0]
    number, most = strongest(maps, size)
    empty = (1 - most) ** 2 >= most if background.rule == "power" else (most < background.least) | (most <= 0)
    return np.where(empty, 0, number + 1).astype(np.int32)

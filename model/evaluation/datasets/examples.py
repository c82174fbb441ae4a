"""What an evaluation asks: pictures with texts, classes or objects to click on, and the truth for each.

Every reader in datasets/ yields these values, whatever the files look like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.types import Image, Mask

IGNORED = 255  # value of pixels that count neither for nor against anybody (VOC's convention)
BACKGROUND = "background"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a text, or a part of it, means: mask (H, W), empty where nothing in the picture fits.

    `span`: the characters (start, end), half-open, of the text that say so; None: the text as a whole.
    """

    mask: Mask
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A text asked of a picture.

    `targets` are compared by area, `objects` (masks (H, W)) one by one with the segments of the answer.
    `form` says what kind of text it is, where a data set has several kinds; `wordings` say the same in other words, for
    items whose targets have no spans.
    `separate`: as in Query, one region for each object or one for all that a phrase matches.
    """

    text: str
    targets: tuple[Target, ...]
    objects: tuple[Mask, ...]
    form: str = ""
    wordings: tuple[str, ...] = ()
    separate: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ClassMap:
    """One class for each pixel: labels (H, W) index `names`, 255 does not count.

    Where the first name is "background" it is a class like the others, but nobody asks for it.
    """

    names: tuple[str, ...]
    labels: NDArray[np.uint8]

    @property
    def present(self) -> tuple[int, ...]:
        """The values of the classes in the picture that can be asked for, ascending."""
        values = [int(value) for value in np.unique(self.labels) if value != IGNORED]
        return tuple(value for value in values if self.names[value] != BACKGROUND)


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationExample:
    """A picture (H, W, 3) and everything asked of it: texts, a class map, objects (masks (H, W)) to click on."""

    key: str
    image: Image
    items: tuple[Item, ...] = ()
    classes: ClassMap | None = None
    objects: tuple[Mask, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pictures by key, read when they are needed. `note` says what the protocol takes as given."""

    name: str
    keys: tuple[str, ...]
    load: Callable[[str], EvaluationExample]
    note: str

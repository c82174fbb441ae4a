"""What an evaluation keeps of each picture: numbers only, one line of JSON each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Area:
    """Pixels of an answer and of the truth: in both, in either, in the truth."""

    both: int
    either: int
    true: int

    @property
    def iou(self) -> float:
        """Intersection over union; 1 where nothing was there and nothing was found (gRefCOCO's convention)."""
        return self.both / self.either if self.either else 1.0

    @property
    def present(self) -> bool:
        """Whether there was anything to find."""
        return self.true > 0


@dataclass(frozen=True, slots=True)
class TextReply:
    """What came back for one text.

    `item` numbers the picture's items, `wording` the ways to say it, 0 the one that counts. `areas`: one for each
    target. `scores` (N) and `overlaps` (N, M): each segment's score and its IoU with each of the item's `objects` (M).
    """

    text: str
    form: str
    item: int
    wording: int
    areas: tuple[Area, ...]
    scores: tuple[float, ...]
    overlaps: tuple[tuple[float, ...], ...]
    objects: int

    @property
    def iou(self) -> float:
        """Mean IoU over the targets; over objects at their best segment where no words are tied to masks."""
        if self.areas:
            return sum(area.iou for area in self.areas) / len(self.areas)
        best = [max((row[at] for row in self.overlaps), default=0.0) for at in range(self.objects)]
        return sum(best) / len(best) if best else float(not self.scores)


@dataclass(frozen=True, slots=True)
class ClassArea:
    """One class in one picture, in pixels that count: in both, in the answer, in the truth."""

    name: str
    both: int
    found: int
    true: int


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took to click an object out: clicks, IoU after the first, and whether 90 % was reached at all."""

    clicks: int
    first: float
    reached: bool


@dataclass(frozen=True, slots=True)
class Record:
    """A picture done: everything measured, questions asked, seconds inside the engine, UNet passes.

    `unet_rows` counts pictures passed through the UNet; one call may hold several. `refused`: why questions were not
    answered, for those that were not.
    """

    key: str
    replies: tuple[TextReply, ...]
    classes: tuple[ClassArea, ...]
    efforts: tuple[Effort, ...]
    questions: int
    seconds: float
    unet_calls: int
    unet_rows: int
    refused: tuple[str, ...] = ()

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def parsed(line: str) -> Record:
    """A record from its line."""
    return TypeAdapter(Record).validate_json(line)

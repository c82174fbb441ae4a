"""The 14 malformed answers that spoil a task in Label Studio 1.23, each with a check that finds it in a reply.

The masks are read by a decoder of its own, bit by bit, that shares nothing with the server's.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

LONG_ID = 16  # characters; peers use 16 bits and lose masks
CHANNELS = 4


@dataclass(frozen=True)
class Reply:
    """The body of an answer to /predict, and what it has to agree with.

    `version` is what /setup said, `size` the (H, W) of the picture as the browser shows it, `tasks` how many were asked
    for, and `taken` the ids of the regions that they hold already.
    """

    body: bytes
    version: str | None
    size: tuple[int, int]
    tasks: int = 1
    taken: frozenset[str] = frozenset()

    @property
    def entries(self) -> list[Any]:
        """What stands for each task."""
        entries: list[Any] = json.loads(self.body)["results"]
        return entries

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """The entries that are predictions."""
        return [entry for entry in self.entries if isinstance(entry, dict)]

    @property
    def items(self) -> list[dict[str, Any]]:
        """The result items of all predictions."""
        return [item for prediction in self.predictions for item in prediction.get("result") or []]

    @property
    def masks(self) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8] | None]]:
        """Every item with a mask, and its pixels as red, green, blue and alpha; None where they are cut short."""
        for item in self.items:
            if "rle" in item["value"]:
                yield item, unpacked(item["value"]["rle"])
            elif "imageDataURL" in item["value"]:
                file = io.BytesIO(base64.b64decode(item["value"]["imageDataURL"].partition(",")[2]))
                yield item, np.asarray(Pictures.open(file).convert("RGBA"))


def faults(reply: Reply) -> set[str]:
    """Which of the 14 are found in a reply."""
    return {name for name, found in MALFORMED.items() if found(reply)}


def unpacked(rle: list[int]) -> NDArray[np.uint8] | None:
    """The pixels (N, 4) of Label Studio's run-length code, read bit by bit; None where bits are missing."""
    bits, at = "".join(f"{byte:08b}" for byte in rle), 0

    def read(width: int) -> int:
        nonlocal at
        at += width
        return int(bits[at - width : at] or "0", 2)

    count, word_size, sizes = read(32), read(5) + 1, [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count and at < len(bits):
        repeated = read(1)
        length = read(sizes[read(2)]) + 1
        values += [read(word_size)] * length if repeated else [read(word_size) for _ in range(length)]
    if len(values) < count or at > len(bits):
        return None
    return np.array(values[:count], np.uint8).reshape(-1, CHANNELS)


def _scores(reply: Reply) -> list[Any]:
    return [holder["score"] for holder in (*reply.predictions, *reply.items) if "score" in holder]


def _numbers(reply: Reply) -> list[float]:
    return [score for score in _scores(reply) if isinstance(score, int | float)]


def _has_another_size(reply: Reply) -> bool:
    return any(_is_another_size(item, pixels, reply.size) for item, pixels in reply.masks)


def _is_another_size(item: dict[str, Any], pixels: NDArray[np.uint8] | None, size: tuple[int, int]) -> bool:
    if "rle" in item["value"]:
        return int.from_bytes(bytes(item["value"]["rle"][:4]), "big") != CHANNELS * size[0] * size[1]
    return pixels is not None and pixels.shape[:2] != size


def _ids(reply: Reply) -> list[str]:
    """The id of every region once: a mask and its labels are two items of one region, other items are one each."""
    labelled = {(item["id"], item["from_name"]) for item in reply.items}
    repeated = len(labelled) < len(reply.items)
    return [item["id"] for item in reply.items] if repeated else sorted({item["id"] for item in reply.items})


def _holds_an_id_twice(reply: Reply) -> bool:
    ids = _ids(reply)
    return len(ids) > len(set(ids)) or any(id in reply.taken for id in ids)


MALFORMED: dict[str, Callable[[Reply], bool]] = {
    "model version null": lambda reply: (
        reply.version is None or any(prediction.get("model_version") is None for prediction in reply.predictions)
    ),
    "model version other than that of setup": lambda reply: any(
        prediction.get("model_version") not in (None, reply.version) for prediction in reply.predictions
    ),
    "another number of results than of tasks": lambda reply: len(reply.entries) != reply.tasks,
    "null for a task": lambda reply: any(entry is None for entry in reply.entries),
    "result null": lambda reply: any(prediction.get("result") is None for prediction in reply.predictions),
    "prediction in a list": lambda reply: any(isinstance(entry, list) and entry for entry in reply.entries),
    "score that is a string": lambda reply: any(isinstance(score, str) for score in _scores(reply)),
    "score that is not finite": lambda reply: not all(math.isfinite(score) for score in _numbers(reply)),
    "mask of another size": _has_another_size,
    "run-length data cut short": lambda reply: any(pixels is None for _, pixels in reply.masks),
    "mask without pixels": lambda reply: any(
        pixels is not None and not pixels[..., 3].any() for _, pixels in reply.masks
    ),
    "half-transparent pixels": lambda reply: any(
        pixels is not None and ((pixels[..., 3] % 255) > 0).any() for _, pixels in reply.masks
    ),
    "short region id": lambda reply: any(len(item["id"]) < LONG_ID for item in reply.items),
    "region id twice or taken": _holds_an_id_twice,
}

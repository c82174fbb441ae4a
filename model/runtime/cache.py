"""What the models saw of recent pictures, bounded by bytes; least recently used goes first. Used inside the lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch
from cachetools import LRUCache

T = TypeVar("T")
Key = tuple[object, ...]

PICTURES = ("embedding", "latents")  # what belongs to a picture alone; all else belongs to a picture and a text
PICTURES_SHARE = 0.25  # of the budget: SAM ViT-H's embedding has 4 MB, Stable Diffusion's maps of one text have 134 MB


class Cache:
    """Computed values by key, within a budget in bytes. A value larger than its share of the budget is not kept.

    What was seen of pictures has a share of its own, so that the maps of one text do not push out many pictures.
    A key begins with the name of what is kept under it.
    """

    def __init__(self, budget: int) -> None:
        share = int(budget * PICTURES_SHARE)
        self._pictures: LRUCache[Key, Any] = LRUCache(share, getsizeof=size_of)
        self._texts: LRUCache[Key, Any] = LRUCache(budget - share, getsizeof=size_of)

    def get(self, key: Key, compute: Callable[[], T]) -> T:
        """The value under a key, computed where it is not there."""
        (value,) = self.get_all([key], lambda _: [compute()])
        return value

    def get_all(self, keys: Sequence[Key], compute: Callable[[list[int]], Sequence[T]]) -> list[T]:
        """The values under some keys; `compute` is given the places of those that are not there, each key's first."""
        found: dict[Key, T] = {key: self._of(key)[key] for key in keys if key in self._of(key)}
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        for key, value in zip(missing, compute([keys.index(key) for key in missing]) if missing else (), strict=True):
            found[key] = value
            if size_of(value) <= self._of(key).maxsize:
                self._of(key)[key] = value
        return [found[key] for key in keys]

    def _of(self, key: Key) -> LRUCache[Key, Any]:
        return self._pictures if key[0] in PICTURES else self._texts

    def clear(self) -> None:
        """Forget everything."""
        self._pictures.clear()
        self._texts.clear()


def size_of(value: object) -> int:
    """Bytes of the tensors in a value: a tensor, a tuple, or a dataclass of them."""
    if isinstance(value, torch.Tensor):
        return value.element_size() * value.nelement()
    if isinstance(value, tuple):
        return sum(size_of(each) for each in value)
    if is_dataclass(value):
        return sum(size_of(getattr(value, each.name)) for each in fields(value))
    return 0

"""What the models saw of recent pictures, bounded by bytes; least recently used goes first. Used inside the lane."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch
from cachetools import LRUCache

from model.values import Image

T = TypeVar("T")


def image_key(image: Image) -> str:
    """A key for a picture's content and size."""
    return hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=16).hexdigest()


class Cache:
    """Computed values by key, within a budget in bytes. A value larger than the budget is not kept."""

    def __init__(self, budget: int) -> None:
        self._values: LRUCache[tuple[object, ...], Any] = LRUCache(budget, getsizeof=size_of)

    def get(self, key: tuple[object, ...], compute: Callable[[], T]) -> T:
        """The value under a key, computed where it is not there."""
        if key in self._values:
            return self._values[key]  # type: ignore[no-any-return]
        value = compute()
        if size_of(value) <= self._values.maxsize:
            self._values[key] = value
        return value


def size_of(value: object) -> int:
    """Bytes of the tensors in a value: a tensor, a tuple, or a dataclass of them."""
    if isinstance(value, torch.Tensor):
        return value.element_size() * value.nelement()
    if isinstance(value, tuple):
        return sum(size_of(each) for each in value)
    if is_dataclass(value):
        return sum(size_of(getattr(value, each.name)) for each in fields(value))
    return 0

"""Keys of pictures by what they show, without torch: the HTTP side makes them before the lane needs them."""

from __future__ import annotations

import hashlib
import weakref

import numpy as np

from model.types import Image

_keys: dict[int, str] = {}  # of frozen pictures, by identity, for as long as they live


def freeze(image: Image) -> Image:
    """The same picture (H, W, 3), in memory of its own that nobody writes to any more, its key known from now on."""
    frozen = image if image.flags.owndata and image.flags.c_contiguous else image.copy()
    frozen.setflags(write=False)
    image_key(frozen)
    return frozen


def image_key(image: Image) -> str:
    """A key for a picture's content and size; that of a frozen picture is computed once (12 megapixels: 0.05 s)."""
    if image.flags.writeable or not image.flags.owndata:
        return _digest(image)
    number = id(image)
    if number not in _keys:
        _keys[number] = _digest(image)
        weakref.finalize(image, _keys.pop, number, None).atexit = False
    return _keys[number]


def _digest(image: Image) -> str:
    content = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16)
    content.update(repr(image.shape).encode())
    return content.hexdigest()

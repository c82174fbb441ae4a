"""Decoded pictures by address: fetched once for all who ask at the same time, decoded once for each content."""

from __future__ import annotations

import builtins
import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from cachetools import LRUCache

from backend.pictures.decoding import Picture
from model.runtime.image_key import freeze

FRESH_SECONDS = 60.0  # how long a picture from the web is taken to be unchanged


@dataclass(frozen=True, slots=True)
class PictureFile:
    """Where a picture's file is, and how to get its bytes.

    `version` changes when the file does, where that can be told without reading it, and None where it cannot.
    """

    address: str
    version: object
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    picture: Picture
    digest: bytes  # of the file
    version: object
    read_at: float  # by the clock


class PictureCache:
    """Frozen pictures (H, W, 3) within a budget in bytes, the least recently used go first; threads may share it."""

    def __init__(
        self, budget: int, decode: Callable[[bytes], Picture], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decode, self._clock = decode, clock
        self._kept: LRUCache[str, _Kept] = LRUCache(budget, getsizeof=lambda kept: kept.picture.pixels.nbytes)
        self._reading: dict[str, Future[Picture]] = {}
        self._lock = threading.Lock()
        self.found, self.missed = 0, 0  # how often a picture was there, and how often it had to be read

    @property
    def bytes(self) -> int:
        """What the kept pictures take."""
        return int(self._kept.currsize)

    def get(self, file: PictureFile, size: tuple[int, int] | None = None) -> Picture:
        """The picture in a file; raises what reading or decoding raises, for everybody who waits for it.

        `size`: the (H, W) that the asker sees. Where the kept picture has another, its file was replaced: it is read
        again, and whatever it shows then is the answer.
        """
        with self._lock:
            kept = self._kept.get(file.address)
            if kept is not None and self._is_fresh(kept, file, size):
                self.found += 1
                return kept.picture
            self.missed += 1
            begun = self._reading.get(file.address)
            reading = self._reading.setdefault(file.address, Future())
        if begun is None:
            self._work(file, kept, reading)
        return reading.result()

    def _is_fresh(self, kept: _Kept, file: PictureFile, size: tuple[int, int] | None) -> bool:
        if file.version is not None:
            return kept.version == file.version
        shown = size is None or kept.picture.pixels.shape[:2] == size
        return shown and self._clock() < kept.read_at + FRESH_SECONDS

    def _work(self, file: PictureFile, kept: _Kept | None, reading: Future[Picture]) -> None:
        try:
            found = self._read(file, kept)
        except Exception as error:  # it belongs to everybody who waits
            self._end(file)
            reading.set_exception(error)
        else:
            self._end(file, found)
            reading.set_result(found.picture)

    def _read(self, file: PictureFile, kept: _Kept | None) -> _Kept:
        """Read the file; a file with the same bytes as before needs no decoding."""
        read_at, data = self._clock(), file.read()
        digest = hashlib.blake2b(data, digest_size=16).digest()
        unchanged = kept is not None and kept.digest == digest
        picture = kept.picture if kept is not None and unchanged else self._frozen(data)
        return _Kept(picture, digest, file.version, read_at)

    def _frozen(self, data: builtins.bytes) -> Picture:
        picture = self._decode(data)
        return replace(picture, pixels=freeze(picture.pixels))

    def _end(self, file: PictureFile, found: _Kept | None = None) -> None:
        with self._lock:
            del self._reading[file.address]
            if found is not None and found.picture.pixels.nbytes <= self._kept.maxsize:
                self._kept[file.address] = found

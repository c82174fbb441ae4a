"""When a picture is fetched again, when it is decoded again, and who waits for whom."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from backend.pictures.decoding import Picture
from backend.pictures.picture_cache import FRESH_SECONDS, PictureCache, PictureFile
from model.errors import BadImage


class Shelf:
    """Files by name with a clock, and what was read and decoded of them."""

    def __init__(self, budget: int = 1000) -> None:
        self.now, self.contents = 0.0, {"a": b"1", "b": b"2", "c": b"3"}
        self.read: list[str] = []
        self.decoded: list[bytes] = []
        self.cache = PictureCache(budget, self._decode, lambda: self.now)

    def get(self, name: str, version: object = None) -> int:
        return int(self.cache.get(PictureFile(name, version, lambda: self._read(name))).pixels[0, 0, 0])

    def _read(self, name: str) -> bytes:
        self.read.append(name)
        return self.contents[name]

    def _decode(self, data: bytes) -> Picture:
        self.decoded.append(data)
        return Picture(np.full((4, 5, 3), int(data), np.uint8))


def test_a_picture_from_the_web_is_fetched_once_while_it_is_fresh() -> None:
    shelf = Shelf()
    assert [shelf.get("a") for _ in range(3)] == [1, 1, 1]
    assert shelf.read == ["a"]


def test_later_it_is_fetched_again_but_decoded_only_where_it_changed() -> None:
    shelf = Shelf()
    shelf.get("a")
    shelf.now = FRESH_SECONDS
    assert (shelf.get("a"), shelf.read, shelf.decoded) == (1, ["a", "a"], [b"1"])
    shelf.contents["a"] = b"7"
    assert shelf.get("a") == 1
    shelf.now = 2 * FRESH_SECONDS
    assert (shelf.get("a"), shelf.decoded) == (7, [b"1", b"7"])


def test_a_file_with_a_version_is_read_again_as_soon_as_that_changes_and_no_sooner() -> None:
    shelf = Shelf()
    shelf.get("a", version=1)
    shelf.now = 10 * FRESH_SECONDS
    assert (shelf.get("a", version=1), shelf.read) == (1, ["a"])
    shelf.contents["a"] = b"7"
    assert shelf.get("a", version=2) == 7


def test_the_least_recently_used_picture_goes_first_and_a_large_one_is_not_kept() -> None:
    shelf = Shelf(budget=2 * 60)
    for name in "abacab":
        shelf.get(name)
    assert shelf.read == ["a", "b", "c", "b"]
    small = Shelf(budget=59)
    small.get("a")
    small.get("a")
    assert small.read == ["a", "a"]


def test_all_who_ask_at_the_same_time_wait_for_one_fetch() -> None:
    asked, go, reads = threading.Event(), threading.Event(), list[str]()

    def read() -> bytes:
        reads.append("a")
        asked.set()
        assert go.wait(60)
        return b"5"

    cache = PictureCache(1000, lambda data: Picture(np.full((4, 5, 3), int(data), np.uint8)))
    with ThreadPoolExecutor(4) as pool:
        images = [pool.submit(cache.get, PictureFile("a", None, read)) for _ in range(4)]
        assert asked.wait(60)
        go.set()
        first, *others = [image.result(60) for image in images]
    assert reads == ["a"]
    assert all(image is first for image in others)


def test_what_cannot_be_read_is_told_and_tried_again_next_time() -> None:
    shelf = Shelf()

    def fail() -> bytes:
        raise BadImage("image: 401")

    with pytest.raises(BadImage, match="401"):
        shelf.cache.get(PictureFile("a", None, fail))
    assert shelf.get("a") == 1


def test_a_picture_is_read_only_as_others_look_at_it_too() -> None:
    cache = PictureCache(1000, lambda _: Picture(np.zeros((4, 5, 3), np.uint8)))
    assert not cache.get(PictureFile("a", None, lambda: b"")).pixels.flags.writeable


def test_a_picture_of_another_size_than_its_asker_sees_is_read_again() -> None:
    shelf = Shelf()
    file = PictureFile("a", None, lambda: shelf._read("a"))
    shelf.cache.get(file)
    assert shelf.cache.get(file, (4, 5)).pixels.shape == (4, 5, 3)
    assert shelf.read == ["a"]
    shelf.contents["a"] = b"7"
    assert shelf.cache.get(file, (9, 9)).pixels[0, 0, 0] == 7
    assert shelf.read == ["a", "a"]


def test_a_file_whose_version_is_known_is_not_read_again_for_its_size() -> None:
    shelf = Shelf()
    file = PictureFile("a", 1, lambda: shelf._read("a"))
    shelf.cache.get(file)
    shelf.cache.get(file, (9, 9))
    assert shelf.read == ["a"]

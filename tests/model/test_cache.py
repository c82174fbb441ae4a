from functools import partial

import numpy as np
import torch

from model.cache import Cache, image_key, size_of
from model.values import Attention


class Source:
    """Makes tensors of 40 bytes and remembers for whom."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def make(self, name: str) -> torch.Tensor:
        self.made.append(name)
        return torch.zeros(10)


def ask(cache: Cache, source: Source, names: str) -> None:
    for name in names:
        assert cache.get((name,), partial(source.make, name)).shape == (10,)


def test_a_value_is_computed_once() -> None:
    source = Source()
    ask(Cache(1000), source, "aaa")
    assert source.made == ["a"]


def test_the_least_recently_used_value_goes_first() -> None:
    source = Source()
    ask(Cache(100), source, "abacab")
    assert source.made == ["a", "b", "c", "b"]


def test_a_value_larger_than_the_budget_is_given_but_not_kept() -> None:
    source = Source()
    ask(Cache(10), source, "aa")
    assert source.made == ["a", "a"]


def test_sizes_count_every_tensor_of_a_value() -> None:
    attention = Attention((torch.zeros(2, 4, 4), torch.zeros(2, 8, 8)), torch.zeros(64, 64), torch.zeros(64, 64).half())
    assert size_of(attention) == 4 * (32 + 128 + 4096) + 2 * 4096


def test_a_key_tells_pictures_of_equal_bytes_and_other_shape_apart() -> None:
    assert image_key(np.zeros((2, 3, 3), np.uint8)) != image_key(np.zeros((3, 2, 3), np.uint8))
    assert image_key(np.zeros((2, 3, 3), np.uint8)) == image_key(np.zeros((2, 3, 3), np.uint8))

from functools import partial

import torch

from model.cache import Cache, size_of
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
    ask(Cache(130), source, "abacab")
    assert source.made == ["a", "b", "c", "b"]


def test_a_value_larger_than_the_budget_is_given_but_not_kept() -> None:
    source = Source()
    ask(Cache(10), source, "aa")
    assert source.made == ["a", "a"]


def test_sizes_count_every_tensor_of_a_value() -> None:
    attention = Attention((torch.zeros(2, 4, 4), torch.zeros(2, 8, 8)), torch.zeros(64, 64), torch.zeros(64, 64).half())
    assert size_of(attention) == 4 * (32 + 128 + 4096) + 2 * 4096


def test_the_maps_of_texts_do_not_push_out_what_was_seen_of_pictures() -> None:
    cache, source = Cache(400), Source()
    for name in "abc":
        cache.get(("embedding" if name == "a" else "attention", name), partial(source.make, name))
    for name in "defghijk":
        cache.get(("attention", name), partial(source.make, name))
    cache.get(("embedding", "a"), partial(source.make, "a"))
    assert source.made == list("abcdefghijk")

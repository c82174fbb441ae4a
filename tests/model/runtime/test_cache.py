from functools import partial

import torch

from model.runtime.cache import Cache, size_of
from model.types import Attention


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


def test_what_is_missing_is_computed_together_and_once() -> None:
    cache, asked = Cache(1000), list[list[int]]()

    def make(places: list[int]) -> list[torch.Tensor]:
        asked.append(places)
        return [torch.full((10,), float(place)) for place in places]

    cache.get(("b",), lambda: torch.full((10,), -1.0))
    values = cache.get_all([("a",), ("b",), ("c",), ("a",)], make)
    assert [float(value[0]) for value in values] == [0, -1, 2, 0]
    assert cache.get_all([("c",), ("a",)], make)[0] is values[2]
    assert asked == [[0, 2]]


def test_values_that_push_each_other_out_are_all_given() -> None:
    cache = Cache(60)  # room for one of them
    cache.get(("a",), lambda: torch.full((10,), 9.0))
    values = cache.get_all([("b",), ("a",), ("c",)], lambda places: [torch.full((10,), float(at)) for at in places])
    assert [float(value[0]) for value in values] == [0, 9, 2]


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

"""Several things are done at a time, and none is begun long before it is wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def abreast(work: Callable[[T], R], things: Iterator[T], most: int) -> Iterator[R]:
    """Like `map`, in threads: work on each thing, with no more than `most` on the way.

    Raises what `work` raises, when the others that were on the way are done.
    """
    under_way: deque[Future[R]] = deque()
    with ThreadPoolExecutor(most, "abreast") as threads:
        for thing in things:
            under_way.append(threads.submit(work, thing))
            while under_way and (len(under_way) == most or under_way[0].done()):
                yield under_way.popleft().result()
        yield from (one.result() for one in under_way)

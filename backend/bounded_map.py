"""`map` in threads that looks only a few things ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def bounded_map(work: Callable[[T], R], things: Iterable[T], most: int, threads: int) -> Iterator[R]:
    """Like `map`, in threads: work on each thing, with no more than `most` begun or waiting to be taken.

    Raises what `work` raises, when the others that were on the way are done.
    """
    under_way: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, "bounded-map") as pool:
        for thing in things:
            under_way.append(pool.submit(work, thing))
            if len(under_way) == most:
                yield under_way.popleft().result()
        yield from (one.result() for one in under_way)

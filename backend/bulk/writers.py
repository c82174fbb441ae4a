"""Several predictions are stored at a time, so that a cluster need not wait for Label Studio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

WRITERS = 4  # predictions that are stored at a time; ours

T = TypeVar("T")


def abreast(store: Callable[[T], None], replies: Iterator[T]) -> Iterator[None]:
    """Like `map`, in threads: store each reply, with no more than WRITERS on the way.

    Raises what `store` raises, when the others that were on the way are stored.
    """
    under_way: deque[Future[None]] = deque()
    with ThreadPoolExecutor(WRITERS, "writer") as threads:
        for reply in replies:
            under_way.append(threads.submit(store, reply))
            while under_way and (len(under_way) == WRITERS or under_way[0].done()):
                yield under_way.popleft().result()
        yield from (one.result() for one in under_way)

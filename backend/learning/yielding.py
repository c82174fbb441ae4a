"""What learning does without the models is done beside the lane's thread, so that clicks go on meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")

LOOK = 0.01  # seconds between two looks whether somebody clicked: so long a click may wait


class Aside:
    """Fetches pictures and writes to the database in a thread of its own, while the running job gives way."""

    def __init__(self, give_way: Callable[[], None]) -> None:
        """`give_way` is called in the thread that waits; what it raises ends the waiting."""
        self._give_way = give_way
        self._pool = ThreadPoolExecutor(1, "aside")

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def do(self, job: Callable[[], T]) -> T:
        """What the job returns or raises, once it is done."""
        future = self._pool.submit(job)
        while not wait([future], LOOK).done:
            self._give_way()
        return future.result()

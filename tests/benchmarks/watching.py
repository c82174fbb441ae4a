"""A server's memory, threads and open files, looked at from outside (psutil)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil  # type: ignore[import-untyped]

EVERY = 1.0  # seconds between two looks at the memory
QUIET = 5.0  # seconds that the counts stay as they are where the server is quiet


@dataclass(frozen=True, slots=True)
class Held:
    """What a server and its children hold: threads, and open files with sockets and pipes among them."""

    threads: int
    files: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a server and its children in bytes, once every `EVERY` seconds."""

    samples: list[int]

    @property
    def second_half(self) -> list[int]:
        """The samples of the second half of the time."""
        return self.samples[len(self.samples) // 2 :]


def growth(samples: Sequence[int]) -> float:
    """How much a line through the samples rises from the first to the last, over its middle: 0.05 is five percent."""
    middle = (len(samples) - 1) / 2
    slope, _ = np.polyfit(np.arange(len(samples)) - middle, np.asarray(samples, np.float64), 1)
    return float(slope) * (len(samples) - 1) / float(np.mean(samples))


@contextmanager
def watching(server: psutil.Process) -> Iterator[Memory]:
    """Look at the memory until the block ends."""
    memory, over = Memory([]), threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            memory.samples.append(sum(each.memory_info().rss for each in _family(server)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield memory
    finally:
        over.set()
        watcher.join()


def held(server: psutil.Process) -> Held:
    """What the server holds at this moment."""
    family = _family(server)
    return Held(sum(each.num_threads() for each in family), sum(each.num_fds() for each in family))


def held_when_quiet(server: psutil.Process, seconds: float, most: Held | None = None, still: float = QUIET) -> Held:
    """What it holds once that stands `still` seconds and is not more than `most`, or after `seconds` anyway."""
    deadline, last, since = time.monotonic() + seconds, held(server), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.25)
        now = held(server)
        if now != last:
            last, since = now, time.monotonic()
        within = most is None or (now.threads <= most.threads and now.files <= most.files)
        if within and time.monotonic() - since >= still:
            break
    return last


def _family(server: psutil.Process) -> list[psutil.Process]:
    return [server, *server.children(recursive=True)]

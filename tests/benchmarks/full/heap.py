"""How the C library keeps what is freed."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt
AT_ONCE, USUAL = 2**22, 2**25  # bytes from which on freed memory goes back; glibc itself comes to the second


@contextmanager
def freed_at_once() -> Iterator[None]:
    """Have glibc give tensors of 4 MB and more back when they are freed: holes in its heap are nobody's memory.

    Their pages are asked for anew each time, which costs time.
    """
    _given_back_from(AT_ONCE)
    yield
    _given_back_from(USUAL)


def _given_back_from(size: int) -> None:
    libc = ctypes.CDLL("libc.so.6")
    for option in (MMAP_THRESHOLD, TRIM_THRESHOLD):
        libc.mallopt(option, size)

"""One task on its way through several threads: what is logged and timed there is said of this task."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class TaskScope:
    """A block, such as `Watch.task`, whose parts are done by one thread after another.

    It begins with its first part, and ends with `close`.
    """

    def __init__(self, block: AbstractContextManager[object]) -> None:
        self._block, self._context, self._open = block, copy_context(), ExitStack()
        self._begun = False

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do some work inside the block; by one thread at a time."""
        if not self._begun:
            self._begun = True
            self._context.run(self._open.enter_context, self._block)
        return self._context.run(work, *args, **kwargs)

    def close(self) -> None:
        """End the block."""
        self._context.run(self._open.close)

"""A stand-in for torch's CUDA graphs on a CPU, since most machines that run the tests have no other device.

What is recorded is computed again, operation by operation, into the memory of the first time. Graphs of one pool share
memory: what one has computed is there for another until the next replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Step = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]


class Pool(list["Graph"]):
    """The graphs that share memory, and which of them has worked in it last."""

    last: Graph | None = None


class Graph:
    """`torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.pool = Pool()
        self.read: Graph | None = None  # whose results this one goes on with

    @torch.no_grad()
    def replay(self) -> None:
        """Compute again."""
        assert self.read is None or self.pool.last is self.read, "another has worked in the memory that is read"
        for function, given, named, answer in self.steps:
            for old, new in zip(tensors(answer), tensors(function(*given, **named)), strict=True):
                if memory(old) != memory(new):
                    old.copy_(new)
        self.pool.last = self


class Recording(TorchDispatchMode):
    """Notes every operation."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph

    def __torch_dispatch__(self, function: Any, _: Any, given: tuple[Any, ...] = (), named: Any = None) -> Any:
        answer = function(*given, **(named or {}))
        self.graph.steps.append((function, given, named or {}, answer))
        return answer


@contextmanager
def recording(graph: Graph, pool: Pool, capture_error_mode: str) -> Iterator[None]:
    """`torch.cuda.graph`."""
    assert capture_error_mode == "thread_local", "other threads may use the device meanwhile"
    with Recording(graph):
        yield
    graph.pool, given = pool, {id(each) for _, *given, _ in graph.steps for each in tensors(given)}
    for other in pool:
        if any(id(each) in given for *_, answer in other.steps for each in tensors(answer)):
            graph.read = other
    pool.append(graph)
    pool.last = graph


class Stream:
    """`torch.cuda.Stream`: all is done at once."""

    def wait_stream(self, other: Stream) -> None:
        """Nothing to wait for."""


def stand_in(patch: pytest.MonkeyPatch) -> None:
    """Have torch record on a CPU."""
    for name, value in {
        "CUDAGraph": Graph,
        "graph": recording,
        "graph_pool_handle": Pool,
        "Stream": Stream,
        "current_stream": Stream,
        "stream": nullcontext,
    }.items():
        patch.setattr(torch.cuda, name, value)


def tensors(tree: Any) -> list[torch.Tensor]:
    """All tensors in some nested values."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def memory(tensor: torch.Tensor) -> int:
    """Where a tensor's numbers are."""
    return tensor.untyped_storage().data_ptr()

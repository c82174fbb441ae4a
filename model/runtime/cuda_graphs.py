"""Passes recorded once for each shape, and replayed with one launch (CUDA graphs).

A UNet's pass is a thousand kernels, and Python takes three times as long to ask for them as a graphics card to run them
for one picture.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar
from weakref import WeakSet

import torch
from cachetools import LRUCache
from torch.autograd.function import once_differentiable

Tensors = tuple[torch.Tensor, ...]
Compute = Callable[..., Tensors]

KEPT = 32  # recordings; each holds what it is given and puts out, 0.3 GB at most at Stable Diffusion's size. Ours


class GraphRecorder:
    """Calls functions of batches: on a CUDA device from recordings, made when a shape comes for the first time.

    All recordings work in the same memory, so that it grows with the greatest of them and not with their number. Not
    for several threads at once, as the models themselves are not; others may use the device meanwhile.
    """

    _all: ClassVar[WeakSet[GraphRecorder]] = WeakSet()

    def __init__(self, device: torch.device) -> None:
        self._recordings: LRUCache[object, Recording] = LRUCache(KEPT)
        self._room = Room() if device.type == "cuda" else None
        self._all.add(self)

    @classmethod
    def give_back(cls) -> None:
        """Give up every recorder's recordings, and with them their memory: what they are asked next is recorded anew.

        A way back that is still to be gone keeps its own.
        """
        for each in cls._all:
            each._recordings.clear()

    def __call__(self, name: object, compute: Compute, *given: torch.Tensor) -> Tensors:
        """What a function makes of tensors (B, ...), row by row; where gradients are on, differentiable in those that
        ask for one.

        `name` tells one function from another: what it does may depend on the shapes and types of what it is given, and
        on nothing else that changes, and it may not wait for the device. Batches are recorded by powers of two, and any
        other number of rows is made up of these.
        """
        if self._room is None:
            return compute(*given)
        parts = [self._replayed(name, compute, part) for part in _parts(given)]
        return parts[0] if len(parts) == 1 else tuple(torch.cat(each) for each in zip(*parts, strict=True))

    def _replayed(self, name: object, compute: Compute, given: Tensors) -> Tensors:
        learning = torch.is_grad_enabled() and any(each.requires_grad for each in given)
        key = (name, learning, *((each.shape, each.dtype) for each in given))
        if key not in self._recordings:
            self._recordings[key] = self._recorded(compute, given, learning)
        recording = self._recordings[key]
        if not learning:
            return recording.forward(given)
        answer: Tensors = _Replayed.apply(recording, *given)  # type: ignore[no-untyped-call]
        return answer

    def _recorded(self, compute: Compute, given: Tensors, learning: bool) -> Recording:
        assert self._room is not None
        try:
            return Recording(compute, given, learning, self._room)
        except torch.OutOfMemoryError:
            self.give_back()  # whoever tries again with less has their memory, too
            raise


def _parts(given: Tensors) -> Iterator[Tensors]:
    """The rows in as few groups as their number has ones in binary."""
    rows, first = len(given[0]), 0
    while first < rows:
        size = 1 << (rows - first).bit_length() - 1
        yield tuple(each[first : first + size] for each in given)
        first += size


class Room:
    """The memory that recordings share, and how often one of them has worked in it."""

    def __init__(self) -> None:
        self.pool, self.turns = torch.cuda.graph_pool_handle(), 0


class Recording:
    """One function at one set of shapes, forward and, where learning, backward."""

    def __init__(self, compute: Compute, given: Tensors, learning: bool, room: Room) -> None:
        self._compute = compute  # keeps alive what the kernels read besides
        self._room = room
        self._given = [each.detach().clone().requires_grad_(learning and each.requires_grad) for each in given]
        self._asked = [each for each in self._given if each.requires_grad]
        with torch.set_grad_enabled(learning):
            self._warm_up()
            self._ahead, found = self._captured(lambda: compute(*self._given))
            self.sloped = [each.requires_grad for each in found]
            if learning:
                self._slopes = [torch.zeros_like(each) for each in found if each.requires_grad]
                self._back, self._gradients = self._captured(lambda: self._differentiated(found, self._slopes))
        self._found = tuple(each.detach() for each in found)

    def forward(self, given: Sequence[torch.Tensor]) -> Tensors:
        """What the function puts out, in memory of its own."""
        with torch.no_grad():
            for held, each in zip(self._given, given, strict=True):
                held.copy_(each)
            self._ahead.replay()
            self._room.turns += 1
            return tuple(each.clone() for each in self._found)

    @property
    def turn(self) -> int:
        """How often any recording has worked in the room until now."""
        return self._room.turns

    def backward(
        self, given: Sequence[torch.Tensor], turn: int, slopes: Sequence[torch.Tensor | None]
    ) -> list[torch.Tensor | None]:
        """Gradients in what was given, None for what asks for none; a slope of None is 0.

        What the way back needs is still there if nothing has worked in the room since `turn`; else it is made again.
        """
        if turn != self._room.turns:
            self.forward(given)
        for held, each in zip(self._slopes, slopes, strict=True):
            held.zero_() if each is None else held.copy_(each)
        self._back.replay()
        self._room.turns += 1
        gradients = iter([each.clone() for each in self._gradients])
        return [next(gradients) if each.requires_grad else None for each in self._given]

    def _warm_up(self) -> None:
        """Run once for the libraries to choose their kernels, which they may not while recording."""
        aside = torch.cuda.Stream()  # not the device's own, which a recording may not use
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            found = self._compute(*self._given)
            if self._asked:
                self._differentiated(found, [torch.zeros_like(each) for each in found if each.requires_grad])
        torch.cuda.current_stream().wait_stream(aside)

    def _captured(self, code: Callable[[], Tensors]) -> tuple[torch.cuda.CUDAGraph, Tensors]:
        graph = torch.cuda.CUDAGraph()
        with nothing_freed(), torch.cuda.graph(graph, pool=self._room.pool, capture_error_mode="thread_local"):
            found = code()
        return graph, found

    def _differentiated(self, found: Tensors, slopes: Sequence[torch.Tensor]) -> Tensors:
        return torch.autograd.grad([each for each in found if each.requires_grad], self._asked, slopes)


@contextmanager
def nothing_freed() -> Iterator[None]:
    """Keep Python's collector away: what it frees may call the device, which would end the recording with an error."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Replayed(torch.autograd.Function):
    """A recording's answer, and the way back through it."""

    @staticmethod
    def forward(ctx: Any, recording: Recording, *given: torch.Tensor) -> Tensors:
        found = recording.forward(given)
        ctx.recording, ctx.turn = recording, recording.turn
        ctx.save_for_backward(*given)
        ctx.mark_non_differentiable(*(each for each, sloped in zip(found, recording.sloped, strict=True) if not sloped))
        ctx.set_materialize_grads(False)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: torch.Tensor | None) -> tuple[Any, ...]:
        recording = ctx.recording
        wanted = [each for each, sloped in zip(slopes, recording.sloped, strict=True) if sloped]
        return None, *recording.backward(ctx.saved_tensors, ctx.turn, wanted)

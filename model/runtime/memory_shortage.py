"""Too little memory: which errors say so, and how what they hold is given back."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Callable
from typing import TypeVar

import torch

from model.errors import OutOfMemory
from model.runtime.cache import Cache
from model.runtime.cuda_graphs import GraphRecorder

logger = logging.getLogger(__name__)

T = TypeVar("T")

TOLD = "too little memory for this picture: use a smaller picture, or smaller models"
# What torch's allocators, CUDA's libraries, OpenCV and oneDNN say: most have no class of their own for it, and oneDNN
# does not even say why.
SAYINGS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "insufficient memory",
    "alloc_failed",
    "could not create a primitive",
    "could not create a memory",
)


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory is short, on the accelerator or in the machine."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(saying in str(error).casefold() for saying in SAYINGS)


def once(work: Callable[[], T]) -> T:
    """What some work gives, in whichever thread, without a second try. Raises OutOfMemory where memory is short."""
    try:
        return work()
    except Exception as error:
        if not is_short(error):
            raise
        logger.warning("Memory is short, given up: %s", said(error))
        traceback.clear_frames(error.__traceback__)
    raise OutOfMemory(TOLD)


def said(error: BaseException) -> str:
    """An error in one line, for a log: the error itself would keep what its frames hold."""
    return f"{type(error).__name__} {error}".splitlines()[0]


def give_back(error: BaseException, cache: Cache) -> None:
    """Free what a failed computation still holds, and what is only kept to be quick."""
    traceback.clear_frames(error.__traceback__)  # their local variables hold tensors for as long as the error lives
    cache.clear()
    GraphRecorder.give_back()
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()

"""The device that the models work on, and its memory."""

from __future__ import annotations

from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]
import torch

from model.errors import Misconfigured
from model.loading import device_named


@dataclass(frozen=True, slots=True)
class Machine:
    """A device as torch names it, and its memory in bytes."""

    device: str
    free: int
    total: int


def machine(name: str) -> Machine:
    """The device that a name means; an empty one means CUDA where there is one. Raises Misconfigured."""
    device = device_named(name)
    if device.type != "cuda":
        memory = psutil.virtual_memory()
        return Machine(str(device), memory.available, memory.total)
    if (device.index or 0) >= torch.cuda.device_count():
        raise Misconfigured(f"device {name}: this machine has {torch.cuda.device_count()} CUDA devices, from cuda:0 on")
    free, total = torch.cuda.mem_get_info(device)
    return Machine(f"{device} ({torch.cuda.get_device_name(device)})", free, total)

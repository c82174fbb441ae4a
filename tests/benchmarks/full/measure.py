"""Time, memory, and what this machine can do at best."""

from __future__ import annotations

import ctypes
import gc
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

T = TypeVar("T")
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices that the rate is measured with
PICTURES = {"cpu": 1, "cuda": 16}  # in the convolution that it is measured with; one leaves most of a card idle
COPY = {"cpu": 2**28, "cuda": 2**30}  # bytes that the bandwidth is measured with
RUNS = {"cpu": 1, "cuda": 6}  # of a code whose time is wanted: a card that was idle takes a while to come to speed


@dataclass(frozen=True, slots=True)
class Rates:
    """What the device was measured to do: operations a second in matrix products and convolutions, bytes a second."""

    product: float
    convolution: float
    bandwidth: float

    def seconds(self, products: float, convolutions: float = 0.0, moved: float = 0.0) -> float:
        """The least time for so many operations (a multiplication and an addition are two) and bytes, one by one."""
        return products / self.product + convolutions / self.convolution + moved / self.bandwidth


@dataclass(frozen=True, slots=True)
class Setting:
    """What a section runs on. `small`: tiny models, to try out the benchmark itself."""

    device: torch.device
    dtype: torch.dtype
    rates: Rates
    small: bool = False

    @property
    def type_name(self) -> str:
        """float32, bfloat16 or float16."""
        return str(self.dtype).removeprefix("torch.")


@dataclass(frozen=True, slots=True, eq=False)
class Measured(Generic[T]):
    """What some code gave, its seconds, and by how many bytes memory grew at its peak."""

    value: T
    seconds: float
    grown: int


def measured(code: Callable[[], T], device: torch.device, runs: int | None = None) -> Measured[T]:
    """Run some code, by default as often as the device wants; the quickest run tells the time, all of them the memory.

    What is in memory before does not count: weights that are already used are no part of it.
    """
    gc.collect()
    start, spent = _reset(device), []
    for _ in range(RUNS[device.type] if runs is None else runs):
        began = time.perf_counter()
        value = code()
        wait(device)
        spent.append(time.perf_counter() - began)
    return Measured(value, min(spent), _peak(device) - start)


def quickest(code: Callable[[], object], device: torch.device, least: float = 0.3) -> float:
    """Seconds of the quickest of several runs, `least` seconds of them at least, after one that does not count."""
    code()
    wait(device)
    spent: list[float] = []
    while sum(spent) < least or len(spent) < 3:
        began = time.perf_counter()
        code()
        wait(device)
        spent.append(time.perf_counter() - began)
    return min(spent)


def busy(code: Callable[[], object], device: torch.device) -> float:
    """The share of the time that the device computes: kernels on a GPU, torch's threads on a CPU."""
    if device.type == "cuda":
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            seconds = measured(code, device, runs=1).seconds
        return float(sum(each.self_device_time_total for each in profile.key_averages())) / 1e6 / seconds
    began, computed = time.perf_counter(), time.process_time()
    code()
    return (time.process_time() - computed) / (time.perf_counter() - began) / torch.get_num_threads()


@contextmanager
def utilisation() -> Iterator[list[float]]:
    """Shares of time in which the first card computed anything, as its driver samples them; there when this ends."""
    shares: list[float] = []
    command = ["nvidia-smi", "--id=0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sampling:
        yield shares
        sampling.terminate()
        said, _ = sampling.communicate()
    shares += [float(line) / 100 for line in said.splitlines() if line.strip()]


def rates(device: torch.device, dtype: torch.dtype) -> Rates:
    """Measure the device with one large product, one convolution of the UNet's kind, and one copy."""
    side, pictures, copied = SIDE[device.type], PICTURES[device.type], COPY[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    picture = torch.randn(pictures, 320, 64, 64, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(320, 320, 3, padding=1).to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    source, target = (torch.ones(copied // 4, dtype=torch.float32, device=device) for _ in range(2))
    with torch.no_grad():
        product = quickest(lambda: left @ right, device)
        convolution = quickest(lambda: layer(picture), device)
        copy = quickest(lambda: target.copy_(source), device)
    return Rates(2 * side**3 / product, pictures * 2 * 9 * 320**2 * 64**2 / convolution, 2 * copied / copy)


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset(device: torch.device) -> int:
    """Begin a new peak; bytes taken from the device now, recordings of passes and all."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_reserved(device)
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed but kept would hide as much of the growth
    RESET.write_text("5")
    return _resident("VmRSS")


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else _resident("VmHWM")


def _resident(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024

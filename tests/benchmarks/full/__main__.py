"""Speed and memory at full size, ours beside a textbook: `python -m tests.benchmarks.full`."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import torch

from model.loading import device_named, quiet
from tests.benchmarks.full import geometries, inversion, iseg, sam, tasks
from tests.benchmarks.full.measure import Rates, Setting, rates
from tests.benchmarks.full.rows import Section, show

# What each may take on two cores that do nothing else, once the checkpoints are written; that takes three minutes more.
MINUTES = {"iseg": 6, "inversion": 7, "sam": 3, "geometries": 2, "tasks": 3}


def main() -> int:
    """Print the tables, and return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="", help="as torch names it; the first CUDA device where there is one")
    parser.add_argument("--small", action="store_true", help="tiny models: tries out the benchmark, measures nothing")
    parser.add_argument("--only", choices=tuple(MINUTES), help="one table; all of them without it")
    options = parser.parse_args()
    quiet()
    warnings.filterwarnings("ignore", category=FutureWarning)
    device = device_named(options.device)
    torch.backends.cudnn.allow_tf32 = False  # float32 is to mean float32: convolutions in tensor float err by 1e-3
    half = (torch.float16, torch.bfloat16) if device.type == "cuda" else (torch.bfloat16,)
    kinds = [(dtype, rates(device, dtype)) for dtype in (torch.float32, *half)]
    print(_machine(device), *(_told(dtype, each) for dtype, each in kinds), sep="\n")
    settings = [Setting(device, dtype, each, options.small) for dtype, each in kinds]
    usual = settings[-1] if device.type == "cuda" else settings[0]
    sections: dict[str, Callable[[], Section]] = {
        "iseg": lambda: iseg.section(settings),
        "inversion": lambda: inversion.section(settings),
        "sam": lambda: sam.section(usual),
        "geometries": lambda: geometries.section(usual),
        "tasks": lambda: tasks.section(usual),
    }
    began, asked = time.perf_counter(), [options.only] if options.only else list(sections)
    missed = sum(_timed(name, sections[name]) for name in asked)
    print(f"\nall: {_minutes(began, asked)}, {missed} missed")
    return 1 if missed else 0


def _timed(name: str, section: Callable[[], Section]) -> int:
    began = time.perf_counter()
    missed = show(name, section())
    print(f"{name}: {_minutes(began, [name])}, {missed} missed", flush=True)
    return missed


def _minutes(began: float, asked: Sequence[str]) -> str:
    return f"{(time.perf_counter() - began) / 60:.1f} of {sum(MINUTES[name] for name in asked)} minutes"


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"CPU, {torch.get_num_threads()} threads of {os.cpu_count()}, torch {torch.__version__}"


def _told(dtype: torch.dtype, each: Rates) -> str:
    rate = f"{each.product / 1e9:.0f} GFLOP/s in products, {each.convolution / 1e9:.0f} in convolutions"
    return f"{str(dtype).removeprefix('torch.')}: {rate}, {each.bandwidth / 1e9:.1f} GB/s"


if __name__ == "__main__":
    sys.exit(main())

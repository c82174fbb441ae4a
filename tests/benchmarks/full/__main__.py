"""Speed and memory at full size, ours beside a textbook: `python -m tests.benchmarks.full`."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable

import torch

from model.load import device_named, quiet
from tests.benchmarks.full import inversion, iseg, sam
from tests.benchmarks.full.measure import Rates, Setting, rates
from tests.benchmarks.full.rows import Section, show

MINUTES = {"iseg": 10, "inversion": 10, "sam": 8}  # what each may take on two cores that do nothing else


def main() -> int:
    """Print the tables, and return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="", help="as torch names it; the first CUDA device where there is one")
    parser.add_argument("--small", action="store_true", help="tiny models: tries out the benchmark, measures nothing")
    parser.add_argument("--only", default="", help="iseg, inversion or sam")
    options = parser.parse_args()
    quiet()
    warnings.filterwarnings("ignore", category=FutureWarning)
    device = device_named(options.device)
    half = (torch.float16, torch.bfloat16) if device.type == "cuda" else (torch.bfloat16,)
    kinds = [(dtype, rates(device, dtype)) for dtype in (torch.float32, *half)]
    print(_machine(device), *(_told(dtype, each) for dtype, each in kinds), sep="\n")
    settings = [Setting(device, dtype, each, options.small) for dtype, each in kinds]
    sections: dict[str, Callable[[], Section]] = {
        "iseg": lambda: iseg.section(settings),
        "inversion": lambda: inversion.section(settings),
        "sam": lambda: sam.section(settings[-1] if device.type == "cuda" else settings[0]),
    }
    missed = sum(_timed(name, section) for name, section in sections.items() if options.only in ("", name))
    return 1 if missed else 0


def _timed(name: str, section: Callable[[], Section]) -> int:
    began = time.perf_counter()
    missed = show(name, section())
    print(f"{name}: {(time.perf_counter() - began) / 60:.1f} of {MINUTES[name]} minutes, {missed} missed")
    return missed


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"CPU, {torch.get_num_threads()} threads of {os.cpu_count()}, torch {torch.__version__}"


def _told(dtype: torch.dtype, each: Rates) -> str:
    rate = f"{each.product / 1e9:.0f} GFLOP/s in products, {each.convolution / 1e9:.0f} in convolutions"
    return f"{str(dtype).removeprefix('torch.')}: {rate}, {each.bandwidth / 1e9:.1f} GB/s"


if __name__ == "__main__":
    sys.exit(main())

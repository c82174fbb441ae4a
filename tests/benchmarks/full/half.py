"""float16 on a CPU without products of it, as a graphics card computes it: maps and masks, no times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from tests.benchmarks.figures import Figure
from tests.benchmarks.full.alike import equal, nearness
from tests.benchmarks.full.baseline import Maps
from tests.benchmarks.full.measure import Setting
from tests.benchmarks.full.path import made, ours, textbook

ATEN = torch.ops.aten
FUSED = ATEN._scaled_dot_product_flash_attention_for_cpu
PRODUCTS = {ATEN.mm, ATEN.addmm, ATEN.bmm, ATEN.baddbmm, ATEN.convolution, FUSED}


class Emulated(TorchDispatchMode):
    """Products of float16 numbers are added up in float32 and rounded to float16 once, as on tensor cores."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket not in PRODUCTS or args[0].dtype is not torch.float16:
            return func(*args, **(kwargs or {}))
        wide = tree_map_only(torch.Tensor, torch.Tensor.float, args)
        return tree_map_only(torch.Tensor, torch.Tensor.half, func(*wide, **(kwargs or {})))


def emulated(single: Setting, maps: Maps) -> list[Figure]:
    """How alike maps and masks are in float16; `single`: the setting in float32, with the textbook's maps in it."""
    name, setting = "float16, emulated", replace(single, dtype=torch.float16)
    bench = made(setting)
    wording = bench.words(1)
    with Emulated():  # type: ignore[no-untyped-call]
        our, their = (way(bench, wording).maps.value for way in (ours, textbook))
        return [*equal(name, our, their, exact=False), *nearness(name, setting, [our, their, maps])]

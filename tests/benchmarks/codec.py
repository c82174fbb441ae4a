"""Label Studio's run-length code, ours and its SDK's."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from label_studio_sdk.converter import brush

from backend.labelstudio import brush_rle
from model.types import Mask


def timings(mask: Mask) -> dict[str, float]:
    """Seconds that one call takes: encode and decode, ours and the SDK's, on the same mask."""
    encoded, grey = brush_rle.encode(mask), mask.astype(np.uint8) * brush_rle.FOREGROUND
    calls: dict[str, Callable[[], object]] = {
        "encode": lambda: brush_rle.encode(mask),
        "encode_sdk": lambda: brush.mask2rle(grey),  # type: ignore[no-untyped-call]
        "decode": lambda: brush_rle.decode(encoded, (mask.shape[0], mask.shape[1])),
        "decode_sdk": lambda: brush.decode_rle(encoded),
    }
    return {name: _seconds(call) for name, call in calls.items()}


def _seconds(call: Callable[[], object]) -> float:
    begin = perf_counter()
    call()
    return perf_counter() - begin

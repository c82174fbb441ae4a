"""What the backend needs on its own machine: models, a device with memory, a database."""

from __future__ import annotations

from collections.abc import Iterator

from backend.doctor import database_check, models
from backend.doctor.finding import Diagnosis
from backend.settings import Settings
from model.errors import Misconfigured

GIGABYTE = 1e9
SPARE = 1.0  # gigabytes for pictures and what is computed with them; ours
UNPACKED = 2  # files hold half precision, models work in float32


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Examine this machine; the same settings and working folder as the server's are expected."""
    found = list(models.examine(settings))
    yield from found
    yield device(settings, sum(models.size(settings).values()))
    yield database_check.examine(settings.database)


def device(settings: Settings, weights: int) -> Diagnosis:
    """Whether the models' device is there, and has memory for weights of this many bytes."""
    from model.runtime.device import machine  # torch comes with it

    try:
        found = machine(settings.device)
    except Misconfigured as error:
        return Diagnosis(
            "device", "problem", str(error), "Correct ANYWORD_DEVICE, or leave it empty to have one chosen."
        )
    needed = SPARE + UNPACKED * weights / GIGABYTE
    what = f"{found.device}, {found.free / GIGABYTE:.1f} of {found.total / GIGABYTE:.1f} GB memory free"
    if found.free < needed * GIGABYTE:
        remedy = "End other programs on it, choose another ANYWORD_DEVICE, or set ANYWORD_DTYPE to bfloat16."
        return Diagnosis("device", "warning", f"{what}; the models may need {needed:.1f}", remedy)
    return Diagnosis("device", "ok", what)

"""Stop and resume a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch


class Stateful(Protocol):
    """What torch's modules, optimisers and schedules have in common."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


class Checkpoint:
    """The state of a run in one file, replaced at once so that a kill never leaves half of it."""

    def __init__(self, path: Path, parts: dict[str, Stateful]) -> None:
        self.path = path
        self.parts = parts

    def resume(self) -> tuple[int, float]:
        """Load what an earlier run left; the next step and the seconds spent so far, (0, 0.0) at a fresh start."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            return 0, 0.0
        state = torch.load(self.path, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return state["step"], state["seconds"]

    def save(self, step: int, seconds: float) -> None:
        """Write all parts with the number of the next step."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        torch.save({**state, "step": step, "seconds": seconds}, self.path.with_suffix(".new"))
        self.path.with_suffix(".new").replace(self.path)

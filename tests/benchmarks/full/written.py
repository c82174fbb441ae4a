"""The same weights as the libraries compute with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def as_written(model: torch.nn.Module) -> Iterator[None]:
    """A model without what ours changed about how its layers compute."""
    changed = [(module, module.__dict__.pop("forward")) for module in model.modules() if "forward" in module.__dict__]
    yield
    for module, forward in changed:
        module.forward = forward

"""The same weights as the libraries compute with them, and passes without recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.adapters.diffusers.backbone import DiffusersBackbone
from model.runtime.cuda_graphs import GraphRecorder

PLAIN = GraphRecorder(torch.device("cpu"))  # calls what it is given


@contextmanager
def as_written(model: torch.nn.Module) -> Iterator[None]:
    """A model without what ours changed about how its layers compute."""
    changed = [(module, module.__dict__.pop("forward")) for module in model.modules() if "forward" in module.__dict__]
    yield
    for module, forward in changed:
        module.forward = forward


@contextmanager
def unrecorded(backbone: DiffusersBackbone) -> Iterator[None]:
    """A backbone whose passes are computed anew on a GPU, too."""
    before = backbone.recorder, backbone.text_recorder
    backbone.recorder = backbone.text_recorder = PLAIN
    yield
    backbone.recorder, backbone.text_recorder = before

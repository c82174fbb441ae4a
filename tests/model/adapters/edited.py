"""Checkpoints whose weights were changed, as real ones are when files are mixed up or cut."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

Weights = dict[str, torch.Tensor]
Edit = Callable[[Weights], Weights]


def edited(folder: Path, edit: Edit) -> Path:
    """The folder, the weights of its one safetensors file changed."""
    [file] = folder.glob("*.safetensors")
    weights = edit(load_file(file))
    file.unlink()  # it may be a link to a file that is not the test's own
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def linked(source: Path, folder: Path) -> Path:
    """A copy of a checkpoint, its files as links."""
    shutil.copytree(source, folder, copy_function=lambda file, link: Path(link).symlink_to(file))
    return folder


def without_some(weights: Weights) -> Weights:
    return {name: weights[name] for name in sorted(weights)[2:]}


def with_others(weights: Weights) -> Weights:
    return {**weights, "extra.layers.7.weight": torch.zeros(3)}


def with_another_shape(weights: Weights) -> Weights:
    name = min(weights)
    return {**weights, name: torch.zeros([side + 1 for side in weights[name].shape])}

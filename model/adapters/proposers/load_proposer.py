"""A proposer by checkpoint: prompt-guided mask proposals (PMP), or SAM 3."""

from __future__ import annotations

import torch

from model.adapters.checkpoint_kind import kind_of
from model.adapters.proposers.mask2former import load_pmp
from model.adapters.proposers.sam3 import load_sam3
from model.errors import Misconfigured
from model.protocols import Proposer


def load_proposer(
    source: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, clip: str = ""
) -> Proposer:
    """The proposer in a folder or under a hub name; what its config.json says decides which kind it is.

    `clip` is the checkpoint of the second opinion on PMP's names, empty for none. Raises Misconfigured when there is
    no proposer to be found, or no CLIP.
    """
    kind = kind_of(source, "proposer", "a folder or a hub name is needed")
    if kind in ("sam3", "sam3_video"):
        return load_sam3(source, device, dtype)
    if kind != "mask2former":
        raise Misconfigured(
            f"No proposer at '{source}' but {kind}: a Mask2Former trained for prompts or a SAM 3 is needed"
        )
    return load_pmp(source, device, dtype, clip)

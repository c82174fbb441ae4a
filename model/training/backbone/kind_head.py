"""Dense supervision while training: from decoder features, tell each cell's shape, colour, texture and size. Ours.

A prompt names few objects, so words alone teach shapes slowly; the generator knows every cell's object. The head
is thrown away after training: what ships is the UNet whose features it shaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from torch.nn import functional

from model.training.backbone.scene_store import MOST, VALUES, SceneStore

READ_BLOCKS = 2  # of the decoder's last blocks


class KindHead(torch.nn.Module):
    """One 1x1 convolution on each of the decoder's last two blocks, to the values of all four attributes."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        blocks = list(unet.up_blocks)[-READ_BLOCKS:]
        widths = [block.resnets[-1].out_channels for block in blocks]
        self.readers = torch.nn.ModuleList(torch.nn.Conv2d(width, sum(map(len, VALUES)), 1) for width in widths)
        self.features: dict[int, torch.Tensor] = {}
        for number, block in enumerate(blocks):
            block.register_forward_hook(self._keep(number))

    def _keep(self, number: int) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
        def keep(_: torch.nn.Module, __: Any, output: torch.Tensor) -> None:
            self.features[number] = output

        return keep

    def loss(self, store: SceneStore, scenes: NDArray[np.int64], weight: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the last pass's features, mean over objects' cells, attributes and blocks; weight: (B,)."""
        codes, share = kinds_of_cells(store, scenes)
        share = share * weight[:, None, None]
        terms = []
        for number, reader in enumerate(self.readers):
            logits = reader(self.features[number]).float().split([len(values) for values in VALUES], 1)
            terms += [functional.cross_entropy(each, codes[:, i], reduction="none") for i, each in enumerate(logits)]
        return (torch.stack(terms).mean(0) * share).sum() / share.sum().clamp(min=1)


def kinds_of_cells(store: SceneStore, scenes: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (B, 4, g, g) of the object that covers most of each cell, and how much of it (B, g, g) in 0..1."""
    cover = torch.from_numpy(store.cover[scenes][:, :MOST].astype(np.float32) / 255)
    share, first = cover.max(1)
    codes = torch.from_numpy(store.codes[scenes].astype(np.int64)).clamp(min=0).transpose(1, 2)
    return codes.gather(2, first.flatten(1)[:, None].expand(-1, len(VALUES), -1)).unflatten(2, first.shape[1:]), share

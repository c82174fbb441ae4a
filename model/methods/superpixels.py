"""Pooling of cross-attention over cells whose words agree: an option of iSeg's code that its paper does not show."""

from __future__ import annotations

import torch

from model.grounding.canvas import lattice
from model.methods.symmetric_kl import symmetric_kl_between

LEAST = 1e-6


def pooled(maps: torch.Tensor, side: int = 6, rounds: int = 20) -> torch.Tensor:
    """Token maps (L, g, g) with every cell's values replaced by the mean of its cluster.

    A cell is the vector of its values in all token maps. Clusters start from side x side cells and are found by
    nearest mean under the symmetric Kullback-Leibler divergence; empty ones are dropped, and rounds end early where
    no cell changes (ours). Off by default; to use it, pool the joined token maps before phrases are read from them.
    """
    cells = maps.flatten(1).T.float().clamp(min=LEAST)
    means, nearest = cells[lattice(maps.shape[1], side).to(cells.device)], None
    for _ in range(rounds):
        following = symmetric_kl_between(cells, means).argmin(1)
        if nearest is not None and torch.equal(following, nearest):
            break
        _, nearest = following.unique(return_inverse=True)
        members = torch.nn.functional.one_hot(nearest).to(cells)
        means = (members.T @ cells) / members.sum(0)[:, None]
    return (cells if nearest is None else means[nearest]).T.reshape(maps.shape)

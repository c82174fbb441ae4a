"""How unlike rows of self-attention are: the symmetric Kullback-Leibler divergence, halved (DiffSeg, InvSeg, iSeg).

D(p, r) = 1/2 sum_j (p_j - r_j) (log p_j - log r_j), with 1e-5 added inside the logarithms as DiffSeg and iSeg do.
Multiplied out it is matrix products alone, so no (n, n, m) array is made.
"""

from __future__ import annotations

import torch

LEAST = 1e-5


def symmetric_kl(rows: torch.Tensor) -> torch.Tensor:
    """Distances (n, n) of every row of (n, m) to every row: symmetric, 0 on the diagonal, never negative.

    1/2 (d 1' + 1 d' - X Y' - Y X') with Y = log X and d the diagonal of X Y'. Beside the rows it holds three arrays
    of (n, n) at most: 201 MB at 64 x 64 cells.
    """
    products = rows.float() @ torch.log(rows.float() + LEAST).T
    own = products.diagonal().clone()
    return (own[:, None] + own).sub_(products + products.T).mul_(0.5).clamp_(min=0)


def symmetric_kl_between(rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Distances (n, k) of rows (n, m) to other rows (k, m), never negative."""
    rows, others = rows.float(), others.float()
    logs, other_logs = torch.log(rows + LEAST), torch.log(others + LEAST)
    own, other_own = (rows * logs).sum(1), (others * other_logs).sum(1)
    apart = own[:, None] + other_own - rows @ other_logs.T - logs @ others.T
    return apart.mul(0.5).clamp(min=0)

"""Entropy-reduced iterative refinement of score maps by self-attention (iSeg)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.config import RefineConfig

ROWS = 256  # of a matrix at a time on a CPU; 4 MB at 64 x 64 cells
RUN = 4  # products on a CPU after which is looked whether maps still move; what was too much is not used


@dataclass(frozen=True, slots=True, eq=False)
class RefinedMaps:
    """scores (P, g, g), each with sum 1 (0 where a map was flat); iterations (P,), products made for each phrase."""

    scores: torch.Tensor
    iterations: torch.Tensor


def entropy_reduced(among: torch.Tensor, factor: float) -> torch.Tensor:
    """Ent-Self: one gradient step on the entropy of a column-normalised attention matrix (n, n), clamped, rows to 1.

    A* + factor * log10(e A*) below 0 is cut, so small attention vanishes. A row that would lose everything keeps
    its one largest entry: iSeg's code divides by zero there. On a CPU it is done some rows at a time, which stay in its
    cache from the first operation to the last; one array of (n, n) is made.
    """
    at_once = ROWS if among.device.type == "cpu" else len(among)
    highest = among.amax(0, keepdim=True).float().clamp(min=1e-12)
    reduced = torch.empty_like(among, dtype=torch.float32)
    for rows, part in zip(among.split(at_once), reduced.split(at_once), strict=True):
        columns = rows.float() / highest
        part.copy_(columns.clamp(min=1e-12).mul_(torch.e).log10_().mul_(factor).add_(columns).clamp_(min=0))
        lost = ~part.any(1)
        kept = columns[lost]
        part[lost] = torch.where(kept == kept.amax(1, keepdim=True), kept, 0.0)
        part.div_(part.sum(1, keepdim=True).clamp(min=1e-12))
    return reduced


def refine(scores: torch.Tensor, broad: torch.Tensor, among: torch.Tensor, config: RefineConfig) -> RefinedMaps:
    """Spread maps (P, g, g) over what belongs together.

    The first product is with all heads (`broad`), the others with the entropy-reduced coherent ones (`among`): ours,
    because a single head may miss parts that the first product brings in. Where one head holds together whole
    objects, the first product is better made with it, too (`coherent_first`, measured for each checkpoint).
    """
    first = spread(scores.flatten(1), among if config.coherent_first else broad)
    if config.max_iterations == 1:  # reducing the entropy would take longer than all the rest
        return RefinedMaps(normalised(first).reshape(scores.shape), torch.ones(len(scores), dtype=torch.long))
    settled, iterations = settle(first, entropy_reduced(among, config.entropy_factor), config)
    return RefinedMaps(settled.reshape(scores.shape), iterations + 1)


def settle(maps: torch.Tensor, matrix: torch.Tensor, config: RefineConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Multiply maps (P, n) by a row-stochastic matrix (n, n) until a product moves less than the tolerance.

    The share of a map's mass that one product moves is measured for each map alone, so the number of products is
    chosen per phrase (ours; iSeg fixes it and names the choice as future work). Returns maps and products (P,).
    """
    most = config.max_iterations - 1
    run = RUN if maps.device.type == "cpu" else most  # elsewhere to ask what has moved takes longer than all of them
    products, moving = torch.zeros_like(maps[:, 0], dtype=torch.long), torch.ones_like(maps[:, 0], dtype=torch.bool)
    maps = normalised(maps)
    for first in range(0, most, max(run, 1)):
        if not moving.any():
            break
        steps = _run(maps, matrix, min(run, most - first))
        moved = (steps[1:] - steps[:-1]).abs().sum(2) / 2 > config.tolerance
        taken = (moved.cumprod(0).sum(0) + 1).clamp(max=len(moved)) * moving
        maps, products = steps[taken, torch.arange(len(maps), device=maps.device)], products + taken
        moving &= moved.all(0)
    return maps, products


def _run(maps: torch.Tensor, matrix: torch.Tensor, count: int) -> torch.Tensor:
    """Maps (count + 1, P, n): before any product, and after each of some."""
    steps = [maps]
    for _ in range(count):
        steps.append(normalised(steps[-1] @ matrix.T))
    return torch.stack(steps)


def spread(maps: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """One product of maps (P, n) with a self-attention matrix (n, n), normalised before and after (iSeg)."""
    return normalised(normalised(maps.float()) @ matrix.float().T)


def normalised(maps: torch.Tensor) -> torch.Tensor:
    """Maps (P, n) less their minimum, divided by their sum; a flat map becomes 0."""
    lifted = maps - maps.amin(1, keepdim=True)
    return lifted / lifted.sum(1, keepdim=True).clamp(min=1e-12)

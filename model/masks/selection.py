"""Which of SAM's candidate masks answers the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.geometry import iou
from model.grounding.canvas import resize_maps
from model.types import Candidates, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The best candidate for one object: logits (h, w) in SAM's frame, its score in 0..1, its evidence in 0..1."""

    low_res_mask: NDArray[np.float32]
    valid: tuple[int, int]
    score: float
    evidence: float = 1.0

    @property
    def inside(self) -> Mask:
        """The cells of the picture's part of SAM's frame that the mask covers."""
        return self.low_res_mask[: self.valid[0], : self.valid[1]] > 0


def best(candidates: Sequence[Candidates], scores: NDArray[np.float32], weight: float) -> Choice:
    """The candidate that agrees best with the scores (g, g, maximum 1), SAM's own IoU prediction weighed in (ours).

    `weight` in 0..1 is that of the agreement.
    """
    wanted = _at(scores, candidates[0].valid)
    choices = []
    for each in candidates:
        for mask, predicted in zip(each.low_res_masks, each.iou_predictions, strict=True):
            agreed = agreement(mask[: each.valid[0], : each.valid[1]] > 0, wanted)
            score = weight * agreed + (1 - weight) * float(np.clip(predicted, 0, 1))
            choices.append(Choice(mask, each.valid, score))
    return max(choices, key=lambda choice: choice.score)


def grained(candidates: Candidates, granularity: int | None) -> Candidates:
    """Of several masks for one prompt the one that is in this place by area, the smallest first; None: all of them."""
    if granularity is None or len(candidates.low_res_masks) == 1:
        return candidates
    height, width = candidates.valid
    areas = (candidates.low_res_masks[:, :height, :width] > 0).sum((1, 2))
    at = np.argsort(areas, kind="stable")[[min(granularity, len(areas) - 1)]]
    return Candidates(candidates.low_res_masks[at], candidates.iou_predictions[at], candidates.valid)


def agreement(mask: Mask, wanted: NDArray[np.float32]) -> float:
    """Soft intersection over union (Ruzicka) of a mask (h, w) and a map (h, w) in 0..1; 0 where both are empty."""
    hard = mask.astype(np.float32)
    return float(np.minimum(hard, wanted).sum() / max(np.maximum(hard, wanted).sum(), 1e-6))


def with_evidence(choice: Choice, evidence: torch.Tensor) -> Choice:
    """Measure the mean evidence (g, g) under a choice's mask."""
    inside = choice.inside
    cells = _at(evidence.cpu().numpy(), choice.valid)
    found = float(cells[inside].mean()) if inside.any() else 0.0
    return Choice(choice.low_res_mask, choice.valid, choice.score, found)


def distinct(choices: Sequence[Choice], overlap: float) -> tuple[Choice, ...]:
    """Drop choices that show the same object as a better one."""
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda each: -each.score):
        if all(iou(choice.inside, other.inside) < overlap for other in kept):
            kept.append(choice)
    return tuple(kept)


def exclusive(found: Sequence[tuple[Choice, ...]], overlap: float) -> list[tuple[Choice, ...]]:
    """Of several phrases that claim the same object, the one with the most evidence keeps it.

    iSeg takes the arg-max over classes at each pixel; here it is taken for each object, which keeps objects whole.
    """
    rivals = [(number, choice) for number, choices in enumerate(found) for choice in choices]
    return [
        tuple(
            choice
            for choice in choices
            if all(
                other.evidence <= choice.evidence or iou(choice.inside, other.inside) < overlap
                for rival, other in rivals
                if rival != number
            )
        )
        for number, choices in enumerate(found)
    ]


def placed(choices: Sequence[Choice], place: str | None) -> tuple[Choice, ...]:
    """Of several matches, the one that lies where the text says (ours); all of them where it does not say."""
    if place is None or len(choices) < 2:
        return tuple(choices)
    return (min(choices, key=lambda choice: _distance(choice, place)),)


def _distance(choice: Choice, place: str) -> float:
    """How far a mask's centre lies from a place, in picture sides."""
    rows, columns = np.nonzero(choice.inside)
    y, x = rows.mean() / choice.valid[0], columns.mean() / choice.valid[1]
    distances = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y, "middle": float(np.hypot(x - 0.5, y - 0.5))}
    return float(distances[place])


def _at(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return resize_maps(torch.from_numpy(np.ascontiguousarray(maps))[None], size)[0].numpy()

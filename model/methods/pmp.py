"""Mask proposals as candidates next to the segmenter's, and how many objects they reach (PMP, arXiv 2412.10292)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import ProposalConfig
from model.geometry import iou
from model.grounding.canvas import resize_maps
from model.types import Candidates, Mask, Proposals

OUTSIDE = -20.0  # logit of the cells that pad the low-resolution frame: surely not on the object


@dataclass(frozen=True, slots=True)
class Frame:
    """The segmenter's low-resolution frame: `low` (h, w) cells, of which the picture fills the top left `valid`."""

    low: tuple[int, int]
    valid: tuple[int, int]


def frame_of(candidates: Candidates) -> Frame:
    """The frame that a segmenter's answer lies in."""
    _, height, width = candidates.low_res_masks.shape
    return Frame((height, width), candidates.valid)


def about(proposals: Proposals | None, texts: Sequence[int]) -> Proposals | None:
    """The same masks for some of the texts, by their numbers; None where there are no proposals."""
    return proposals and Proposals(proposals.masks, proposals.probabilities[:, list(texts)])


def joining(proposals: Proposals, text: int, frame: Frame, config: ProposalConfig) -> Candidates:
    """The proposals that show a text surely enough, the surest first, as candidates (K, h, w) in a segmenter's frame.

    K is 0 where none does. Their predicted IoU is the mean chance of the cells inside, as Mask2Former scores masks
    (arXiv 2112.01527, its instance inference); the probability of the text decides who joins and is left out of it.
    """
    chances = proposals.probabilities[:, text]
    surest = np.argsort(-chances, kind="stable")[: config.most]
    chosen = proposals.masks[surest[chances[surest] >= config.least]]
    framed = np.full((len(chosen), *frame.low), OUTSIDE, np.float32)
    if len(chosen):
        framed[:, : frame.valid[0], : frame.valid[1]] = resize_maps(torch.from_numpy(chosen), frame.valid).numpy()
    return Candidates(framed, np.array([certainty(mask) for mask in chosen], np.float32), frame.valid)


def certainty(logits: NDArray[np.float32]) -> float:
    """The mean chance (0.5..1) of the cells that a mask (h, w) of logits covers; 0 where it covers none."""
    inside = logits[logits > 0]
    return float((1 / (1 + np.exp(-inside))).mean()) if inside.size else 0.0


def masks_at(proposals: Proposals, size: tuple[int, int]) -> Mask:
    """All proposals as masks (N, H, W) at the picture's size."""
    return np.asarray(resize_maps(torch.from_numpy(proposals.masks), size).numpy() > 0)


def best_ious(masks: Mask, truths: Mask) -> NDArray[np.float64]:
    """For each truth (K, H, W) the IoU (K,) of the proposal (N, H, W) that shows it best; 0 where there is none."""
    return np.array([max((iou(mask, truth) for mask in masks), default=0.0) for truth in truths], np.float64)


def recall(ious: NDArray[np.float64], threshold: float) -> float:
    """The share of truths that some proposal shows with this IoU or more, before any naming; NaN without truths."""
    return float((ious >= threshold).mean()) if ious.size else float("nan")

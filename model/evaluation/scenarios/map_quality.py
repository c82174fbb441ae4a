"""How good a phrase's refined map is before any mask decoder, under changed constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from model.config import RefineConfig, overridden
from model.engine import Engine
from model.evaluation.datasets.examples import EvaluationExample
from model.evaluation.scenarios.map_refinement import THRESHOLDS
from model.evaluation.tables.paper_tables import TableRow
from model.geometry import iou
from model.grounding.canvas import resize_maps
from model.grounding.features import Seen
from model.grounding.phrase_maps import bind, brightest
from model.methods.iseg import refine, settle, spread
from model.runtime.cache import Cache
from model.types import Clause, Mask, Query


def map_ious(engine: Engine, example: EvaluationExample, rows: Sequence[TableRow]) -> list[list[list[float]]]:
    """For each row and each phrase that is there: IoU of the map, cut at each of nine thresholds, with the truth.

    Rows that look at the picture alike share what they saw.
    """
    cache = Cache(engine.config.cache_bytes)
    engines = [Engine(engine.models, overridden(engine.config, row.changes), cache) for row in rows]
    asked = [(item.text, item.targets[0].mask) for item in example.items if item.objects]
    seen = engine.see(example.image)
    return [
        [_ious(_map(each, seen, text, row), truth) for text, truth in asked]
        for each, row in zip(engines, rows, strict=True)
    ]


def _ious(scores: torch.Tensor, truth: Mask) -> list[float]:
    shown = resize_maps(scores[None], (truth.shape[0], truth.shape[1]))[0].numpy()
    return [iou(np.asarray(shown > threshold), truth) for threshold in THRESHOLDS]


def _map(engine: Engine, seen: Seen, text: str, row: TableRow) -> torch.Tensor:
    """The refined map (g, g) of the first phrase of a text, maximum 1."""
    wording = engine.words(seen.image, Query((Clause(text),)))[0]
    attention = engine.attend(seen, wording)
    scores = bind(attention, wording.sought[:1], engine.config.attention)
    way, among = (_naive if row.naive else _entropy_reduced), (attention.broad if row.broad else attention.among)
    return brightest(way(scores, attention.broad, among, engine.config.refine))[0].cpu()


def _entropy_reduced(
    scores: torch.Tensor, broad: torch.Tensor, among: torch.Tensor, config: RefineConfig
) -> torch.Tensor:
    return refine(scores, broad, among, config).scores


def _naive(scores: torch.Tensor, broad: torch.Tensor, among: torch.Tensor, config: RefineConfig) -> torch.Tensor:
    """As many products as refine makes, with self-attention as it is."""
    first = spread(scores.flatten(1), broad)
    return settle(first, among, config)[0].reshape(scores.shape)

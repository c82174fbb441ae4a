"""What each way to refine gives before any mask decoder: maps thresholded at one global threshold, the best of nine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import RefineConfig
from model.engine import Engine
from model.evaluation.scenarios.questions import SceneQuestion
from model.geometry import iou
from model.grounding.canvas import resize_maps
from model.grounding.phrase_maps import bind, brightest
from model.methods.iseg import entropy_reduced, refine, settle, spread
from model.types import Attention, Clause, Query

THRESHOLDS = np.arange(1, 10) / 10
Way = Callable[[torch.Tensor, Attention], torch.Tensor]  # scores (P, g, g) -> (P, g, g)


def ways(config: RefineConfig) -> dict[str, Way]:
    """The ways compared: the raw map, one product, ten naive ones, ten entropy-reduced ones, and as many as chosen."""
    ten = replace(config, max_iterations=10, tolerance=0.0)

    def flat(product: Callable[[torch.Tensor, Attention], torch.Tensor]) -> Way:
        return lambda scores, seen: product(scores.flatten(1), seen).reshape(scores.shape)

    return {
        "raw map": lambda scores, _: scores,
        "one product, all heads": flat(lambda maps, seen: spread(maps, seen.broad)),
        "one product, coherent heads": flat(lambda maps, seen: spread(maps, seen.among)),
        "10 naive products, all heads": flat(lambda maps, seen: settle(spread(maps, seen.broad), seen.broad, ten)[0]),
        "10 naive products, coherent heads": flat(
            lambda maps, seen: settle(spread(maps, seen.broad), seen.among, ten)[0]
        ),
        "10 Ent-Self products, all heads": flat(
            lambda maps, seen: settle(spread(maps, seen.broad), entropy_reduced(seen.broad, ten.entropy_factor), ten)[0]
        ),
        "10 Ent-Self products, coherent heads": lambda scores, seen: refine(scores, seen.broad, seen.among, ten).scores,
        "Ent-Self, products chosen per phrase": lambda scores, seen: (
            refine(scores, seen.broad, seen.among, config).scores
        ),
    }


def compare(engine: Engine, asked: Iterable[SceneQuestion], config: RefineConfig) -> list[tuple[str, float, float]]:
    """Name, mean IoU at the best global threshold, and that threshold, of each way."""
    results: dict[str, list[list[float]]] = {name: [] for name in ways(config)}
    for question in asked:
        seen = engine.see(question.scene.image)
        for phrase in (each for each in question.phrases if each.there):
            wording = engine.words(seen.image, Query((Clause(f"a {phrase.text}"),)))[0]
            attention = engine.attend(seen, wording)
            scores = bind(attention, wording.sought, engine.config.attention)
            for name, way in ways(config).items():
                shown = resize_maps(brightest(way(scores, attention)), seen.size)[0].numpy()
                results[name].append([iou(shown > threshold, phrase.truth) for threshold in THRESHOLDS])
    return [_best(name, np.array(rows)) for name, rows in results.items()]


def _best(name: str, rows: NDArray[np.float64]) -> tuple[str, float, float]:
    means = rows.mean(0)
    return name, float(means.max()), float(THRESHOLDS[means.argmax()])

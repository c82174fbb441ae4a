"""How each constant of the engine was chosen: change one at a time, ask tuning scenes, keep what helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.config import overridden
from model.engine import Engine
from model.evaluation.scenarios.questions import SceneQuestion
from model.geometry import iou
from model.types import Clause, Mask, Query, Segment

GRID: Mapping[tuple[str, str], Sequence[Any]] = {
    ("attention", "enhancement"): (1.0, 1.3, 1.6),
    ("attention", "resolution_weights"): ((0.7, 0.3), (0.3, 0.7), (0.0, 1.0)),
    ("attention", "modifier_weight"): (0.0, 0.3, 0.5),
    ("refine", "coherent_first"): (False, True),
    ("refine", "max_iterations"): (1, 2, 4, 10, 20),
    ("refine", "entropy_factor"): (0.1, 0.5, 1.5),
    ("refine", "tolerance"): (0.02, 0.1, 0.2),
    ("prompting", "threshold"): (0.3, 0.4, 0.5, 0.6),
    ("selection", "agreement"): (0.2, 0.4, 0.6),
    ("selection", "overlap"): (0.4, 0.6, 0.8),
}


MOST_FALSE = 0.07  # rate of absent phrases found that an annotator puts up with; ours


@dataclass(frozen=True, slots=True)
class PresenceVerdict:
    """What a presence threshold gives: mean IoU on phrases present, rate of absent phrases that are found."""

    presence: float
    iou: float
    false_positives: float


@dataclass(frozen=True, slots=True)
class SweepTrial:
    """One value of one constant and what it gives."""

    section: str
    name: str
    value: Any
    verdict: PresenceVerdict


def sweep(engine: Engine, asked: Sequence[SceneQuestion]) -> Iterator[SweepTrial]:
    """Try every value of every constant, in order; the best of each stays for the constants after it."""
    for (section, name), values in GRID.items():
        best: SweepTrial | None = None
        for value in values:
            engine.config = overridden(engine.config, {section: {name: value}, "selection": {"presence": 0.0}})
            trial = SweepTrial(section, name, value, judged(outcomes(engine, asked)))
            yield trial
            best = trial if best is None or trial.verdict.iou > best.verdict.iou else best
        assert best is not None
        engine.config = overridden(engine.config, {section: {name: best.value}})


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A phrase's truth (H, W) and all segments found for it, however weak the evidence."""

    truth: Mask
    segments: tuple[Segment, ...]

    def mask(self, presence: float) -> Mask:
        """The union (H, W) of the segments with enough evidence."""
        kept = [segment.mask for segment in self.segments if segment.presence >= presence]
        return np.asarray(np.any([np.zeros_like(self.truth), *kept], axis=0))


def outcomes(engine: Engine, asked: Sequence[SceneQuestion], preset: str = "fast") -> list[Outcome]:
    """Ask for every phrase alone."""
    queries = [
        (each, phrase, Query((Clause(f"a {phrase.text}"),), preset=preset)) for each in asked for phrase in each.phrases
    ]
    return [Outcome(phrase.truth, engine.segment(each.scene.image, query).segments) for each, phrase, query in queries]


def judged(found: Sequence[Outcome]) -> PresenceVerdict:
    """The verdict at the least presence threshold that finds no more absent phrases than `MOST_FALSE`."""
    presence = presence_of([outcome for outcome in found if not outcome.truth.any()])
    there = [iou(outcome.mask(presence), outcome.truth) for outcome in found if outcome.truth.any()]
    absent = [outcome.mask(presence).any() for outcome in found if not outcome.truth.any()]
    return PresenceVerdict(presence, float(np.mean(there)), float(np.mean(absent)))


def presence_of(absent: Sequence[Outcome]) -> float:
    """The least presence threshold at which no more of these absent phrases than `MOST_FALSE` are found."""
    strongest = [max((segment.presence for segment in outcome.segments), default=0.0) for outcome in absent]
    return float(np.nextafter(np.quantile(strongest, 1 - MOST_FALSE), np.inf))


def calibrated(engine: Engine, asked: Sequence[SceneQuestion], preset: str) -> float:
    """The presence threshold under a preset, to four digits, from the absent phrases of tuning scenes."""
    everything = replace(overridden(engine.config, {"selection": {"presence": 0.0}}), presences={})
    absent = [replace(each, phrases=tuple(phrase for phrase in each.phrases if not phrase.there)) for each in asked]
    return round(presence_of(outcomes(Engine(engine.models, everything), absent, preset)), 4)

"""Figures of a checkpoint on plain scenes and photographs, and its profile: what `report`, `refine` and so on print."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from model.adapters.diffusers import profile
from model.adapters.diffusers.backbone import DiffusersBackbone
from model.config import EngineConfig, overridden
from model.embedded.scenes import HELD_OUT, TUNING
from model.engine import Engine
from model.evaluation.scenarios import photographs
from model.evaluation.scenarios.head_coherence import Coherence, coherence
from model.evaluation.scenarios.map_refinement import compare
from model.evaluation.scenarios.questions import questions
from model.evaluation.tables.quality_figures import measure
from model.evaluation.tables.sweep import calibrated, sweep

SWEEP_CACHE = 8 * 2**30  # attention of all tuning pictures at once
CALIBRATION = 150  # more scenes, for the presence threshold alone: few phrases decide it
GOALS = (0.80, 0.10, 0.97, 0.88, 0.90)


def print_report(engine: Engine, scenes: int) -> None:
    """Text, points and boxes on held-out scenes, beside the goals."""
    print(f"\n{scenes} unseen scenes, seeds {HELD_OUT} to {HELD_OUT + scenes - 1}")
    figures = measure(engine, questions(HELD_OUT, scenes))
    for (name, value, count), goal in zip(figures.rows(), GOALS, strict=True):
        print(f"  {name:45s} {value:.3f}   goal {goal:.2f}   {count} cases")


def print_photographs(engine: Engine, folder: Path) -> None:
    """One click on each segment of photographs, beside GrabCut."""
    report = photographs.compare(engine, folder)
    print(f"\nOne click at the centre of each segment above 2 % of the photographs in {folder}, {report.clicks} clicks")
    print(f"  ours {report.ours:.3f}   GrabCut {report.grabcut:.3f}   mean IoU")


def print_refinement(engine: Engine, scenes: int) -> None:
    """What each way to refine gives before any mask decoder."""
    print(f"\nRefined maps before SAM, mean IoU at each way's best global threshold, {scenes} unseen scenes")
    for name, value, threshold in compare(engine, questions(HELD_OUT, scenes), engine.config.refine):
        print(f"  {name:45s} {value:.3f}   at {threshold:.1f}")


def write_profile(engine: Engine, folder: Path, scenes: int) -> None:
    """Measure heads and choose constants on tuning scenes, and write both beside the checkpoint."""
    backbone = engine.models.backbone
    assert isinstance(backbone, DiffusersBackbone)
    asked = list(questions(TUNING, scenes))
    measured = coherence(backbone, asked)
    _print_heads(measured)
    backbone.profile = replace(backbone.profile, head_weights=measured.weights())
    engine = Engine(engine.models, EngineConfig(cache_bytes=SWEEP_CACHE))
    for trial in sweep(engine, asked):
        found = f"IoU {trial.verdict.iou:.3f}, false positives {trial.verdict.false_positives:.3f}"
        print(f"{trial.section}.{trial.name} = {trial.value}: {found}", flush=True)
    more = list(questions(TUNING + scenes, CALIBRATION))
    engine.config = overridden(engine.config, {"selection": {"presence": calibrated(engine, more, "fast")}})
    presences = {"accurate": calibrated(engine, more, "accurate")}
    sections = {
        name: asdict(getattr(engine.config, name)) for name in ("attention", "refine", "prompting", "selection")
    }
    kept = {name: values for name, values in backbone.profile.constants.items() if name not in sections}
    profile.write(folder, replace(backbone.profile, constants={**kept, **sections}, presences=presences))
    print(f"written to {folder / profile.FILE_NAME}")


def _print_heads(measured: Coherence) -> None:
    print("head   own object   other objects   ground   weight")
    rows = zip(measured.own, measured.others, measured.ground, measured.weights(), strict=True)
    for head, (own, others, ground, weight) in enumerate(rows):
        print(f"{head:4d}   {own:10.3f}   {others:13.3f}   {ground:6.3f}   {weight:.3f}")

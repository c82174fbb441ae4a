"""Quality figures of a checkpoint: `python -m model.evaluation [report|refine|profile|photographs]`."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import torch

from model.adapters import profile
from model.adapters.diffusers_backbone import DiffusersBackbone
from model.adapters.profile import Profile
from model.config import EngineConfig, overridden
from model.embedded.scenes import HELD_OUT, TUNING
from model.engine import Engine
from model.evaluation import photographs
from model.evaluation.coherence import Coherence, coherence
from model.evaluation.figures import measure
from model.evaluation.questions import questions
from model.evaluation.refinement import compare
from model.evaluation.sweep import judged, outcomes, sweep
from model.load import WEIGHTS, EnginePaths, load_engine

SWEEP_CACHE = 8 * 2**30  # attention of all tuning pictures at once
GOALS = (0.80, 0.10, 0.97, 0.88, 0.90)


def main() -> None:
    """Parse the command line and print what was asked for."""
    arguments = _parser().parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    paths = EnginePaths(arguments.backbone, arguments.segmenter, arguments.parser)
    engine = load_engine(paths)
    if arguments.what == "profile":
        _profile(engine, Path(arguments.backbone or WEIGHTS / "backbone"), arguments.scenes)
        return
    if arguments.what in ("report", "all"):
        _report(engine, arguments.scenes)
    if arguments.what in ("refine", "all"):
        _refine(engine, arguments.scenes)
    if arguments.what in ("photographs", "all") and arguments.photographs.is_dir():
        _photographs(engine, arguments.photographs)


def _report(engine: Engine, scenes: int) -> None:
    print(f"\n{scenes} unseen scenes, seeds {HELD_OUT} to {HELD_OUT + scenes - 1}")
    figures = measure(engine, questions(HELD_OUT, scenes))
    for (name, value, count), goal in zip(figures.rows(), GOALS, strict=True):
        print(f"  {name:45s} {value:.3f}   goal {goal:.2f}   {count} cases")


def _photographs(engine: Engine, folder: Path) -> None:
    report = photographs.compare(engine.segmenter, folder)
    print(f"\nOne click at the centre of each segment above 2 % of the photographs in {folder}, {report.clicks} clicks")
    print(f"  ours {report.ours:.3f}   GrabCut {report.grabcut:.3f}   mean IoU")


def _refine(engine: Engine, scenes: int) -> None:
    print(f"\nRefined maps before SAM, mean IoU at each way's best global threshold, {scenes} unseen scenes")
    for name, value, threshold in compare(engine, questions(HELD_OUT, scenes), engine.config.refine):
        print(f"  {name:45s} {value:.3f}   at {threshold:.1f}")


def _profile(engine: Engine, folder: Path, scenes: int) -> None:
    """Measure heads and choose constants on tuning scenes, and write both beside the checkpoint."""
    backbone = engine.backbone
    assert isinstance(backbone, DiffusersBackbone)
    asked = list(questions(TUNING, scenes))
    measured = coherence(backbone, asked)
    _print_heads(measured)
    backbone.profile = replace(backbone.profile, head_weights=measured.weights())
    engine = Engine(backbone, engine.segmenter, engine.parser, EngineConfig(cache_bytes=SWEEP_CACHE))
    for trial in sweep(engine, asked):
        found = f"IoU {trial.verdict.iou:.3f}, false positives {trial.verdict.false_positives:.3f}"
        print(f"{trial.section}.{trial.name} = {trial.value}: {found}", flush=True)
    presence = round(judged(outcomes(engine, asked)).presence, 4)
    engine.config = overridden(engine.config, {"selection": {"presence": presence}})
    sections = {
        name: asdict(getattr(engine.config, name)) for name in ("attention", "refine", "prompting", "selection")
    }
    profile.write(folder, Profile(backbone.profile.head_weights, sections))
    print(f"written to {folder / profile.FILE_NAME}")


def _print_heads(measured: Coherence) -> None:
    print("head   own object   other objects   ground   weight")
    rows = zip(measured.own, measured.others, measured.ground, measured.weights(), strict=True)
    for head, (own, others, ground, weight) in enumerate(rows):
        print(f"{head:4d}   {own:10.3f}   {others:13.3f}   {ground:6.3f}   {weight:.3f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.evaluation", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=("all", "report", "refine", "photographs", "profile"))
    parser.add_argument("--scenes", type=int, default=200, help="how many scenes (default: 200)")
    parser.add_argument(
        "--photographs", type=Path, default=Path("../shared/data/bsds500-val"), help="folder of photographs"
    )
    parser.add_argument("--backbone", default="", help="checkpoint; default: the embedded one")
    parser.add_argument("--segmenter", default="")
    parser.add_argument("--parser", default="")
    parser.add_argument("--threads", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()

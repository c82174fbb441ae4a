"""Quality figures: `python -m model.evaluation [report|refine|clicks|profile|photographs|ablation|DATASET]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from model.engine import Engine
from model.errors import AnywordError
from model.evaluation.datasets.catalogue import FILES, SCENES, open_files, open_made
from model.evaluation.harness import Output, evaluate
from model.evaluation.measure_checkpoint import print_photographs, print_refinement, print_report, write_profile
from model.evaluation.scenarios.ask_engine import Asking
from model.evaluation.scenarios.clicks import print_clicks
from model.evaluation.tables.ablation import ablate
from model.evaluation.tables.paper_tables import TABLES
from model.grounding.label_maps import Background
from model.loading import WEIGHTS, EnginePaths, load_engine
from model.presets import PRESETS

COMMANDS = ("all", "report", "refine", "clicks", "photographs", "profile", "ablation")
RUNS = Path("runs/eval")


def main() -> None:
    """Parse the command line and print what was asked for."""
    given = _parser().parse_args()
    what = "ablation" if given.ablation else given.what
    if given.threads:
        torch.set_num_threads(given.threads)
    try:
        engine = load_engine(EnginePaths(given.backbone, given.segmenter, given.parser, proposer=given.proposer))
        if what in COMMANDS:
            _command(engine, what, given)
        else:
            _evaluate(engine, what, given)
    except AnywordError as error:
        sys.exit(str(error))


def _command(engine: Engine, what: str, given: argparse.Namespace) -> None:
    if what == "profile":
        write_profile(engine, Path(given.backbone or WEIGHTS / "backbone"), given.scenes)
    if what == "ablation":
        tables = [table for table in TABLES if not given.tables or table.name in given.tables]
        ablate(engine, tables, given.limit or given.scenes, given.out or RUNS / "ablation")
    if what in ("report", "all"):
        print_report(engine, given.scenes)
    if what in ("refine", "all"):
        print_refinement(engine, given.scenes)
    if what == "clicks":
        print_clicks(engine, given.scenes, given.photographs, given.tuning)
    if what in ("photographs", "all") and given.photographs.is_dir():
        print_photographs(engine, given.photographs)


def _evaluate(engine: Engine, name: str, given: argparse.Namespace) -> None:
    if name in SCENES:
        dataset = open_made(name, given.scenes, given.tuning)
    else:
        dataset = open_files(name, given.root, given.split)
    background = Background(given.background) if given.background else None
    asking = Asking(engine, given.preset, given.paraphrases, background)
    folder = given.out or RUNS / f"{name}-{given.preset}"
    evaluate(asking, dataset, Output(folder, given.limit, given.pictures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.evaluation", description=__doc__)
    names = (*COMMANDS, *SCENES, *FILES)
    parser.add_argument("what", nargs="?", default="all", choices=names, metavar="WHAT", help=", ".join(names))
    parser.add_argument("--ablation", action="store_true", help="the same as the word ablation")
    parser.add_argument("--tables", nargs="+", choices=[table.name for table in TABLES], help="of the ablation")
    parser.add_argument("--scenes", type=int, default=200, help="how many scenes (default: 200)")
    parser.add_argument("--limit", type=int, help="ask about the first so many pictures only")
    parser.add_argument("--root", type=Path, help="folder of a data set's own files")
    parser.add_argument("--split", help="of a data set of files; default: its validation split")
    parser.add_argument("--preset", default="fast", choices=tuple(PRESETS))
    parser.add_argument("--paraphrases", action="store_true", help="ask each phrase of scenes-hard in six wordings")
    parser.add_argument(
        "--background", choices=("threshold", "power", "class"), help="label every pixel from maps, with this rule"
    )
    parser.add_argument("--tuning", action="store_true", help="scenes for choosing constants, not the held-out ones")
    parser.add_argument("--out", type=Path, help=f"folder of results (default: below {RUNS})")
    parser.add_argument("--pictures", type=int, default=6, help="answers of each kind on the page (default: 6)")
    parser.add_argument(
        "--photographs", type=Path, default=Path("../shared/data/bsds500-val"), help="folder of photographs"
    )
    parser.add_argument("--backbone", default="", help="checkpoint; default: the embedded one")
    parser.add_argument("--segmenter", default="")
    parser.add_argument("--parser", default="")
    parser.add_argument("--proposer", default="")
    parser.add_argument("--threads", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()

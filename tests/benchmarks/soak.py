"""Load, kills, fuzz and broken HTTP, beside their budgets: `python -m tests.benchmarks.soak`.

Loopback only, and bounded: with the defaults about half an hour. It prints Markdown, and ends with 1 where a budget is
exceeded.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks import fuzz, kills, load, wire
from tests.benchmarks.figures import Figure
from tests.benchmarks.report import heading, table

PARTS = ("load", "kills", "fuzz", "wire")

Part = Callable[[Path], Iterator[Figure]]


def main(arguments: Sequence[str]) -> int:
    """Measure the chosen parts, print their tables, and return 1 where a budget is exceeded."""
    options = _parser().parse_args(arguments)
    parts = _parts(options)
    tables, kept = [], True
    for name in options.only or parts:
        title, part = parts[name]
        with tempfile.TemporaryDirectory() as folder:
            figures = list(part(Path(folder)))
        tables.append(table(title, figures))
        kept = kept and all(figure.kept for figure in figures)
        print(f"\n{tables[-1]}", flush=True)
    print("\n".join(["", heading(), "", *tables]))
    return 0 if kept else 1


def _parts(options: argparse.Namespace) -> dict[str, tuple[str, Part]]:
    """Each part with its title."""
    seconds, requests, seed = options.seconds, options.requests, options.seed
    crowd = f"{load.ANNOTATORS} annotators, one click a second for {seconds:g} s, beside {load.BATCH} pre-annotations"
    return {
        "load": (crowd, lambda folder: load.figures(folder, seconds)),
        "kills": (
            f"{kills.KILLS} kill -9 during {kills.TASKS} tasks (seed {seed})",
            lambda folder: kills.figures(folder, seed),
        ),
        "fuzz": (f"{requests} fuzzed requests (seed {seed})", lambda folder: fuzz.figures(folder, requests, seed)),
        "wire": ("Broken HTTP", wire.figures),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given again (default: all)")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the load (default: %(default)g)")
    parser.add_argument("--requests", type=int, default=fuzz.REQUESTS, help="to be fuzzed (default: %(default)d)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="of kills and fuzz (default: any)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Measure the tables of paper_tables.py on held-out `hard` scenes, print them and keep them as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model.config import overridden
from model.embedded.scenes import HELD_OUT
from model.engine import Engine
from model.evaluation.datasets.examples import EvaluationExample
from model.evaluation.datasets.scene_splits import HARD, Asked, open_scenes
from model.evaluation.runner import run
from model.evaluation.scenarios.ask_engine import Asking
from model.evaluation.scenarios.map_quality import map_ious
from model.evaluation.scenarios.map_refinement import THRESHOLDS
from model.evaluation.tables.paper_tables import Table, TableRow
from model.evaluation.tables.summary import figures
from model.grounding.label_maps import Background
from model.methods import pmp
from model.types import Mask, Proposals

MATCHED = (0.5, 0.75)  # IoUs at which proposal recall is counted
RULE = Background("class")  # of label maps: the word "background" competes, as in InvSeg
COLUMNS = {  # of the tables of segments and labels, and the figure each one is
    "mIoU": "mIoU over classes",
    "mean IoU": "mean IoU of phrases that are there",
    "AP50": "AP50",
    "recall": "recall at IoU 0.5",
    "seconds": "seconds per picture",
    "UNet calls": "UNet calls per picture",
}


@dataclass(frozen=True, slots=True)
class Result:
    """A row's figures by column, and over how many cases."""

    name: str
    values: Mapping[str, float]
    cases: int


def ablate(engine: Engine, tables: Sequence[Table], count: int, folder: Path) -> None:
    """Measure tables on `count` scenes each."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        if table.measure == "proposals" and engine.models.proposer is None:
            print(f"\n{table.name}: not measured, these models have no proposer")
            continue
        results = MEASURES[table.measure](engine, table, count, folder)
        print(f"\n{shape(table, results, count)}")
        stored = {"table": table.name, "source": table.source, "scenes": count, "first seed": HELD_OUT + HARD}
        text = json.dumps({**stored, "rows": [asdict(result) for result in results]}, indent=2)
        (folder / f"{table.name}.json").write_text(text + "\n")


def shape(table: Table, results: Sequence[Result], count: int) -> str:
    """A table for a terminal."""
    columns = list(results[0].values)
    width = max(len(result.name) for result in results)
    lines = [
        f"{table.name}: {table.source}",
        f"  {count} held-out hard scenes, seeds from {HELD_OUT + HARD}, measured as {table.measure}",
        f"  {'':{width}s}" + "".join(f"  {column:>12s}" for column in columns) + "  cases",
    ]
    for result in results:
        numbers = "".join(f"  {result.values[column]:12.3f}" for column in columns)
        lines.append(f"  {result.name:{width}s}{numbers}  {result.cases:5d}")
    return "\n".join(lines)


def _maps(engine: Engine, table: Table, count: int, _: Path) -> list[Result]:
    rows = table.rows
    found: list[list[list[float]]] = [[] for _ in rows]
    for example in _examples(count, "phrases", "maps"):
        for ious, more in zip(found, map_ious(engine, example, rows), strict=True):
            ious += more
    return [_at_best(row.name, np.array(ious)) for row, ious in zip(rows, found, strict=True)]


def _at_best(name: str, ious: NDArray[np.float64]) -> Result:
    means = ious.mean(0)
    return Result(name, {"mean IoU": float(means.max()), "threshold": float(THRESHOLDS[means.argmax()])}, len(ious))


def _answers(engine: Engine, table: Table, count: int, folder: Path) -> list[Result]:
    """Rows whose records are kept one by one: after a kill they go on where they were."""
    results = []
    dataset = open_scenes("hard", count, "captions" if table.measure == "segments" else "labels")
    for row in table.rows:
        asking = Asking(_changed(engine, row), background=RULE)
        records = run(asking, dataset, folder / table.name / _slug(row.name))
        told = {figure.name: figure for figure in figures(records)}
        columns = {column: told[name] for column, name in COLUMNS.items() if name in told}
        values = {column: figure.value for column, figure in columns.items()}
        results.append(Result(row.name, values, next(iter(columns.values())).cases))
    return results


def _slug(name: str) -> str:
    """A row's name as a folder's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _proposals(engine: Engine, table: Table, count: int, _: Path) -> list[Result]:
    proposer = engine.models.proposer
    assert proposer is not None
    found: list[list[NDArray[np.float64]]] = [[] for _ in table.rows]
    for example in _examples(count, "phrases", "proposals"):
        plain = proposer.propose(example.image, ())
        for item in (item for item in example.items if item.objects):
            offered = (plain, proposer.propose(example.image, (item.text.removeprefix("the "),)))
            for ious, row in zip(found, table.rows, strict=True):
                ious.append(_reached(offered[row.texts], row.kept, np.stack(item.objects)))
    return [_recalled(row.name, np.concatenate(ious)) for row, ious in zip(table.rows, found, strict=True)]


def _reached(offered: Proposals, kept: int, truths: Mask) -> NDArray[np.float64]:
    """IoU of each object (K, H, W) with the proposal that shows it best, of the `kept` surest ones."""
    masks = pmp.masks_at(offered, (truths.shape[1], truths.shape[2]))
    named = offered.probabilities.shape[1]  # without text they come in this order already
    order = np.argsort(-offered.probabilities[:, 0], kind="stable") if named else np.arange(len(masks))
    return pmp.best_ious(masks[order[:kept]], truths)


def _recalled(name: str, ious: NDArray[np.float64]) -> Result:
    values = {f"recall {least:.2f}": pmp.recall(ious, least) for least in MATCHED}
    return Result(name, {**values, "best IoU": float(ious.mean())}, len(ious))


def _changed(engine: Engine, row: TableRow) -> Engine:
    """The same models under a row's constants, with an empty cache: a row's seconds are its own."""
    return Engine(engine.models, overridden(engine.config, row.changes))


def _examples(count: int, asked: Asked, told: str) -> Iterator[EvaluationExample]:
    dataset = open_scenes("hard", count, asked)
    yield from (dataset.load(key) for key in tqdm(dataset.keys, told, unit="scene", leave=False))


MEASURES: Mapping[str, Callable[[Engine, Table, int, Path], list[Result]]] = {
    "maps": _maps,
    "segments": _answers,
    "labels": _answers,
    "proposals": _proposals,
}

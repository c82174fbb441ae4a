"""One data set, one preset: records, a table on the terminal, figures as JSON, and a page with pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from model.evaluation.datasets.examples import Dataset
from model.evaluation.records import Record
from model.evaluation.report import html
from model.evaluation.report.gallery import GalleryEntry, cases, chosen, shown
from model.evaluation.report.html import Page
from model.evaluation.runner import run, settings
from model.evaluation.scenarios.ask_engine import Asking
from model.evaluation.tables.summary import figures, table


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go, the most pictures asked (None: all), and how many answers of each kind are shown."""

    folder: Path
    limit: int | None = None
    pictures: int = 6


def evaluate(asking: Asking, dataset: Dataset, output: Output) -> None:
    """Measure a data set; what an earlier, interrupted run finished is kept."""
    records = run(asking, dataset, output.folder, output.limit)
    found = figures(records)
    print(f"\n{dataset.name}, preset {asking.preset}, {len(records)} of {len(dataset.keys)} pictures. {dataset.note}")
    print(table(found))
    stored = {"settings": settings(asking, dataset), "note": dataset.note, "pictures": len(records)}
    path = output.folder / "figures.json"
    path.write_text(json.dumps({**stored, "figures": [asdict(each) for each in found]}, indent=2) + "\n")
    html.write(output.folder / "report.html", _page(asking, dataset, records, output.pictures))
    print(f"written to {path} and {output.folder / 'report.html'}")


def _page(asking: Asking, dataset: Dataset, records: Sequence[Record], count: int) -> Page:
    """The page's contents; the answers that it shows are asked for again."""
    answers = cases(records)
    groups: dict[str, list[GalleryEntry]] = {}
    for name, picked in chosen(answers, count).items():
        bar = tqdm(picked, f"pictures, {name.lower()}", unit="answer", leave=False)
        groups[name] = [shown(asking, dataset, case) for case in bar]
    models = asking.engine.models
    facts = {
        "How": dataset.note,
        "Pictures": f"{len(records)} of {len(dataset.keys)}",
        "Models": f"{models.backbone.name}, {models.segmenter.name}, {models.parser.name}",
    }
    title = f"{dataset.name}, preset {asking.preset}"
    return Page(title, facts, figures(records), [case.iou for case in answers], groups)

"""Go through a data set: progress bar, one line per finished picture, resume after a kill."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.errors import Misconfigured
from model.evaluation.datasets.examples import Dataset
from model.evaluation.records import Record, parsed
from model.evaluation.scenarios.ask_engine import Asking

RECORDS, SETTINGS = "records.jsonl", "settings.json"


def run(asking: Asking, dataset: Dataset, folder: Path, limit: int | None = None) -> tuple[Record, ...]:
    """Ask everything about the first `limit` pictures (all: None), and keep each record in `folder` as it comes.

    Pictures that an earlier run with the same settings finished are not asked again.
    Raises Misconfigured where the folder holds a run with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _same_settings(folder / SETTINGS, settings(asking, dataset))
    keys = dataset.keys[:limit]
    done = _done(folder / RECORDS)
    with (folder / RECORDS).open("a") as file:
        waiting = [key for key in keys if key not in done]
        for key in tqdm(waiting, dataset.name, initial=len(keys) - len(waiting), total=len(keys), unit="picture"):
            done[key] = asking.everything(dataset.load(key))
            file.write(done[key].line() + "\n")
            file.flush()
    return tuple(done[key] for key in keys)


def settings(asking: Asking, dataset: Dataset) -> dict[str, Any]:
    """What a record depends on, as it stands in JSON."""
    models = asking.engine.models
    parts = (models.backbone, models.segmenter, models.parser, models.proposer)
    told = {
        "dataset": dataset.name,
        "preset": asking.preset,
        "paraphrases": asking.paraphrases,
        "background": asking.background and asdict(asking.background),
        "models": [part.name if part else None for part in parts],
        "config": asdict(asking.engine.under(asking.preset).config),
    }
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


def _same_settings(path: Path, wanted: Mapping[str, Any]) -> None:
    if not path.exists():
        path.write_text(json.dumps(wanted, indent=2) + "\n")
        return
    stored = json.loads(path.read_text())
    other = [name for name in wanted if stored.get(name) != wanted[name]]
    if other:
        raise Misconfigured(
            f"{path.parent} holds a run with another {', '.join(other)}: name another --out, or remove that folder"
        )


def _done(path: Path) -> dict[str, Record]:
    """The finished pictures. A last line without its end was being written when the run was killed: it goes."""
    if not path.exists():
        return {}
    whole, _, cut = path.read_bytes().rpartition(b"\n")
    if cut:
        path.write_bytes(whole + b"\n" * bool(whole))
    records = [parsed(line) for line in whole.decode().splitlines()]
    return {record.key: record for record in records}

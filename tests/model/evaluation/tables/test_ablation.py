import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.config import EngineConfig, overridden
from model.engine import Engine
from model.evaluation.datasets.scene_splits import open_scenes
from model.evaluation.scenarios.map_quality import map_ious
from model.evaluation.tables.ablation import ablate
from model.evaluation.tables.paper_tables import TABLES, Table, TableRow
from model.types import Image, Proposals

ROWS = [(table.name, row) for table in TABLES for row in table.rows]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=lambda each: each if isinstance(each, str) else each.name)
def test_every_row_names_constants_that_are_there(table: str, row: TableRow) -> None:
    assert isinstance(overridden(EngineConfig(), row.changes), EngineConfig)
    assert table
    assert all(len({row.name for row in each.rows}) == len(each.rows) for each in TABLES)


def test_rows_change_the_maps_that_are_measured(engine: Engine) -> None:
    example = open_scenes("hard", 1).load("0000")
    once = TableRow("once", {"refine": {"max_iterations": 1, "tolerance": 0.0}})
    often = TableRow("often", {"refine": {"max_iterations": 12, "tolerance": 0.0}})
    found = [
        np.array(ious)
        for ious in map_ious(engine, example, [once, often, TableRow("naive", often.changes, naive=True)])
    ]
    present = sum(item.form != "absent" for item in example.items)
    assert all(ious.shape == (present, 9) for ious in found)
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found[1], found[2])


class Halves:
    """Proposes the left half of any picture, then the right one; a text means the right one."""

    name = "halves"

    def propose(self, image: Image, texts: Sequence[str]) -> Proposals:
        side = min(image.shape[:2])
        left = np.where(np.arange(side) < side // 2, 5.0, -5.0) * np.ones((side, 1))
        masks = np.stack([left, -left]).astype(np.float32)
        return Proposals(masks, np.array([[0.2], [0.9]], np.float32)[:, : len(texts)])


def test_texts_say_which_proposals_come_first(engine: Engine, tmp_path: Path) -> None:
    offering = Engine(replace(engine.models, proposer=Halves()), engine.config)
    ablate(offering, [table for table in TABLES if table.name == "proposals"], 2, tmp_path)
    rows = {row["name"]: row for row in json.loads((tmp_path / "proposals.json").read_text())["rows"]}
    best = {name: row["values"]["best IoU"] for name, row in rows.items()}
    assert all(row["cases"] >= 6 for row in rows.values())
    assert best["1, without text"] != best["1, with the phrase"]
    assert best["1, without text"] < best["2, without text"] == best["2, with the phrase"] < 1
    assert best["2, without text"] == best["all, with the phrase"]


def test_tables_are_printed_and_kept(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segments = Table("answers", "a source", "segments", (TableRow("as it is"),))
    labels = Table("labels", "a source", "labels", (TableRow("as it is"),))
    proposals = Table("proposals", "another", "proposals", (TableRow("with the phrases"),))
    ablate(engine, [segments, labels, proposals], 1, tmp_path)
    told = capsys.readouterr().out
    assert "1 held-out hard scenes, seeds from 1100000" in told
    assert "as it is" in told
    assert '"mean IoU"' in (tmp_path / "answers.json").read_text()
    assert '"mIoU"' in (tmp_path / "labels.json").read_text()
    assert (tmp_path / "labels/as-it-is/records.jsonl").exists()
    if engine.models.proposer is None:
        assert "proposals: not measured" in told

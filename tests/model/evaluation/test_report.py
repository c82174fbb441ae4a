import re
from pathlib import Path

import numpy as np

from model.engine import Engine
from model.evaluation.datasets.examples import Dataset, EvaluationExample, Item, Target
from model.evaluation.harness import Output, evaluate
from model.evaluation.report.gallery import Case, chosen
from model.evaluation.report.html import uri
from model.evaluation.report.panels import text_panels
from model.evaluation.scenarios.ask_engine import Asking
from model.types import Clause, Query

PICTURE = np.full((64, 64, 3), 200, np.uint8)
PICTURE[16:48, 16:48] = (200, 30, 30)
SQUARE = np.all(PICTURE == (200, 30, 30), axis=2)


def test_worst_best_and_random_answers_without_repeats() -> None:
    found = [Case(str(number), "text", 0, number / 20) for number in range(20)]
    groups = chosen(found, 3)
    assert [case.iou for case in groups["Worst"]] == [0, 0.05, 0.1]
    assert [case.iou for case in groups["Best"]] == [0.95, 0.9, 0.85]
    assert len({case.key for picked in groups.values() for case in picked}) == 9
    assert chosen(found, 3) == groups
    assert [len(picked) for picked in chosen(found[:4], 3).values()] == [3, 1, 0]


def test_every_stage_of_an_answer_has_its_picture(engine: Engine) -> None:
    panels = text_panels(engine, PICTURE, Query((Clause("the red square"),)), [SQUARE])
    titles = [panel.title for panel in panels]
    assert titles == ["picture", "attention: red square", "refined: red square", "points and boxes", "answer", "truth"]
    assert all(panel.picture.shape == PICTURE.shape for panel in panels)


def test_a_picture_becomes_a_small_data_uri() -> None:
    assert uri(PICTURE).startswith("data:image/png;base64,")
    assert len(uri(np.random.default_rng(0).integers(0, 255, (900, 600, 3), np.uint8))) < 100_000


def test_an_evaluation_leaves_figures_and_a_page_that_stands_alone(engine: Engine, tmp_path: Path) -> None:
    item = Item("the <red> square", (Target(SQUARE),), (SQUARE,))
    clicks = Dataset(
        "squares & more", ("a",), lambda key: EvaluationExample(key, PICTURE, (item,), objects=(SQUARE,)), "a note"
    )
    evaluate(Asking(engine), clicks, Output(tmp_path, pictures=1))
    page = (tmp_path / "report.html").read_text()
    assert "squares &amp; more" in page
    assert "&lt;red&gt;" in page or "clicks" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page
    assert '"name": "clicks to 90% IoU, 20 at most"' in (tmp_path / "figures.json").read_text()

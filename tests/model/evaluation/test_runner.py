from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.engine import Engine
from model.errors import Misconfigured
from model.evaluation.datasets.examples import BACKGROUND, ClassMap, Dataset, EvaluationExample, Item, Target
from model.evaluation.runner import RECORDS, run
from model.evaluation.scenarios.ask_engine import Asking, Meter
from model.grounding.label_maps import Background
from model.types import Clause, Hint, Point, Query

PICTURE = np.full((64, 64, 3), 200, np.uint8)
PICTURE[16:48, 16:48] = (200, 30, 30)
SQUARE = np.all(PICTURE == (200, 30, 30), axis=2)
ITEM = Item("the red square", (Target(SQUARE),), (SQUARE,), wordings=("red square",))


def forgetful(engine: Engine) -> Engine:
    """The same models, and nothing kept of the pictures of other tests."""
    return Engine(engine.models, engine.config)


def dataset(load: Callable[[str], EvaluationExample]) -> Dataset:
    return Dataset("squares", ("a", "b", "c"), load, "")


def test_a_killed_run_goes_on_where_it_was(engine: Engine, tmp_path: Path) -> None:
    loaded: list[str] = []

    def load(key: str) -> EvaluationExample:
        loaded.append(key)
        if loaded == ["a", "b"]:
            raise KeyboardInterrupt
        return EvaluationExample(key, PICTURE, (ITEM,))

    with pytest.raises(KeyboardInterrupt):
        run(Asking(engine), dataset(load), tmp_path)
    with (tmp_path / RECORDS).open("a") as file:
        file.write('{"key":"b","rep')  # killed while writing
    records = run(Asking(engine), dataset(load), tmp_path, limit=2)
    assert loaded == ["a", "b", "b"]
    assert [record.key for record in records] == ["a", "b"]
    assert run(Asking(engine), dataset(load), tmp_path, limit=2) == records
    assert len((tmp_path / RECORDS).read_text().splitlines()) == 2


def test_other_settings_need_another_folder(engine: Engine, tmp_path: Path) -> None:
    empty = dataset(lambda key: EvaluationExample(key, PICTURE))
    run(Asking(engine), empty, tmp_path, limit=1)
    with pytest.raises(Misconfigured, match="another preset, config"):
        run(Asking(engine, "balanced"), empty, tmp_path, limit=1)
    with pytest.raises(Misconfigured, match="another paraphrases"):
        run(Asking(engine, paraphrases=True), empty, tmp_path, limit=1)


def test_everything_asked_of_a_picture_is_in_its_record(engine: Engine) -> None:
    labels = ClassMap((BACKGROUND, "red square"), SQUARE.astype(np.uint8))
    example = EvaluationExample("a", PICTURE, (ITEM,), labels, (SQUARE,))
    record = Asking(forgetful(engine), paraphrases=True).everything(example)
    assert [(reply.text, reply.wording) for reply in record.replies] == [("the red square", 0), ("red square", 1)]
    assert {each.name for each in record.classes} >= {BACKGROUND, "red square"}
    assert sum(each.true for each in record.classes) == SQUARE.size
    assert record.efforts[0].first > 0.5
    assert record.questions == 3 + record.efforts[0].clicks
    assert record.unet_calls == record.unet_rows >= 2  # two texts; the class is said like the second of them
    assert 0 < record.seconds < 60


def test_classes_can_be_labelled_by_maps(engine: Engine) -> None:
    labels = ClassMap((BACKGROUND, "red square"), SQUARE.astype(np.uint8))
    record = Asking(engine, background=Background("power")).everything(EvaluationExample("a", PICTURE, classes=labels))
    assert sum(each.true for each in record.classes) == sum(each.found for each in record.classes) == SQUARE.size


def test_a_text_that_the_engine_refuses_is_a_miss(engine: Engine) -> None:
    item = Item("of the", (Target(SQUARE),), (SQUARE,))
    record = Asking(engine).everything(EvaluationExample("a", PICTURE, (item,)))
    assert record.replies[0].areas[0].iou == 0
    assert len(record.refused) == 1


def test_the_meter_stops_counting_when_it_is_not_read(engine: Engine) -> None:
    meter, fresh = Meter(), forgetful(engine)
    with meter.reading(fresh):
        fresh.segment(PICTURE, Query((Clause("the red square"),)))
    assert (meter.calls, meter.rows) == (1, 1)
    fresh.segment(PICTURE, Query(hints=(Hint((Point(32, 32),)),)))
    assert meter.calls == 1

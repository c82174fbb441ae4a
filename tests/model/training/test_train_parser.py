"""Training in small: it runs end to end, gives the same pipeline again, and goes on from a checkpoint."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from model.adapters.spacy.parser import load_parser
from model.training.train_parser import Training, train

SENTENCE = """1\tThe\tthe\tDET\tDT\t_\t3\tdet\t_\t_
2\tbrown\tbrown\tADJ\tJJ\t_\t3\tamod\t_\t_
3\tdogs\tdog\tNOUN\tNNS\t_\t4\tnsubj\t_\t_
4\tsleep\tsleep\tVERB\tVBP\t_\t0\troot\t_\tSpaceAfter=No
5\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_

"""


@pytest.fixture
def training(tmp_path: Path) -> Training:
    for part in ("train", "dev", "test"):
        (tmp_path / f"{part}.conllu.gz").write_bytes(gzip.compress((SENTENCE * 30).encode()))
    return Training(tmp_path, tmp_path / "out", tmp_path / "work", epochs=2, captions=60, held_out=10)


def weights(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(folder.glob("*/model"))}


def test_pipeline_is_written_with_its_figures_and_loads(training: Training) -> None:
    scores = train(training)
    assert json.loads((training.out / "figures.json").read_text())["ewt_test_las"] == scores["ewt_test_las"]
    assert {"ewt_test_uas", "ewt_test_lemmas", "captions_las", "captions_exact_structures"} <= set(scores)
    assert load_parser(training.out).name == "en_anyword_captions-1.0.0"


def test_same_seed_gives_the_same_weights_also_with_a_break(training: Training) -> None:
    train(training)
    again = replace(training, out=training.out.with_name("again"), work=training.work.with_name("again_work"))
    train(replace(again, epochs=1))
    train(again)
    assert weights(training.out) == weights(again.out)

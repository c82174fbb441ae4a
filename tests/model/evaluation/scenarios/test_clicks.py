from pathlib import Path

import pytest

from model.embedded.scenes import TUNING
from model.engine import Engine
from model.evaluation.scenarios.clicks import print_clicks


def test_both_ways_are_printed_with_their_counts(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_clicks(engine, 1, tmp_path / "none", tuning=True)
    head, alone, after_text = capsys.readouterr().out.strip().splitlines()
    assert f"seeds {TUNING} to {TUNING}" in head
    assert alone.split()[:2] == ["clicks", "alone"]
    assert "with the text as one" in after_text
    assert alone.split("; ")[2].startswith(after_text.split("; ")[2].split(",")[0])

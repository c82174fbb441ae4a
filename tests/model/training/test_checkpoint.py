from pathlib import Path

import torch

from model.training.checkpoint import Checkpoint


def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2)
    Checkpoint(tmp_path / "run" / "a.pt", {"layer": layer}).resume()
    Checkpoint(tmp_path / "run" / "a.pt", {"layer": layer}).save(7, 1.5)
    other = torch.nn.Linear(2, 2)
    assert Checkpoint(tmp_path / "run" / "a.pt", {"layer": other}).resume() == (7, 1.5)
    assert torch.equal(layer.weight, other.weight)


def test_a_fresh_run_starts_at_the_first_step(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "run" / "a.pt", {}).resume() == (0, 0.0)

"""What is remembered of tasks that were under way when a run was killed."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from backend.bulk.suspects import Suspects

UNDER_WAY: list[AbstractContextManager[None]] = []  # held: a run that is killed leaves no block


def killed(path: Path, *tasks: int) -> None:
    """A run that ends while it does tasks, without a last word."""
    UNDER_WAY.append(Suspects(path).doing(tasks))
    UNDER_WAY[-1].__enter__()


def test_tasks_under_way_are_suspected_and_the_one_that_kills_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "suspects.json"
    killed(path, 1, 2)
    again = Suspects(path)
    assert [again.is_suspected(task) for task in (1, 2, 3)] == [True, True, False]
    with again.doing([1]):
        pass
    killed(path, 2)
    last = Suspects(path)
    assert [last.is_guilty(task) for task in (1, 2)] == [False, True]
    assert not last.is_suspected(1)


def test_an_error_is_no_kill(tmp_path: Path) -> None:
    path = tmp_path / "suspects.json"
    suspects = Suspects(path)
    with pytest.raises(RuntimeError), suspects.doing([1]):
        raise RuntimeError
    assert not Suspects(path).is_suspected(1)
    assert not path.exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"a": 1}'])
def test_a_damaged_file_suspects_nobody(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "suspects.json"
    path.write_bytes(damage)
    assert not Suspects(path).is_suspected(1)

"""Events that wait on the disk while the database is away."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.store.annotation_rows import Event
from backend.webhooks import spool as spool_module
from backend.webhooks.spool import Spool
from backend.webhooks.spool_folder import folder_of, opened
from model.errors import Misconfigured, Unavailable


def event(number: int, size: int = 10) -> Event:
    return Event("1.1", "ANNOTATION_CREATED", bytes([number]) * size, datetime(2026, 12, 1, tzinfo=UTC))


def drained(spool: Spool) -> list[Event]:
    taken: list[Event] = []
    spool.drain(taken.append)
    return taken


def test_events_come_back_in_order_also_after_a_restart(tmp_path: Path) -> None:
    first = Spool(tmp_path / "new")
    for number in (3, 1, 2):
        first.put(event(number))
    assert len(first) == 3
    assert drained(Spool(tmp_path / "new")) == [event(3), event(1), event(2)]
    assert drained(Spool(tmp_path / "new")) == []


def test_an_event_that_is_not_taken_stays_with_those_behind_it(tmp_path: Path) -> None:
    spool, taken = Spool(tmp_path), list[Event]()

    def store(one: Event) -> None:
        if one == event(2):
            raise Unavailable("away again")
        taken.append(one)

    for number in (1, 2, 3):
        spool.put(event(number))
    with pytest.raises(Unavailable):
        spool.drain(store)
    assert taken == [event(1)]
    assert drained(spool) == [event(2), event(3)]


def test_a_full_spool_refuses_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "MOST_EVENTS", 2)
    spool = Spool(tmp_path)
    spool.put(event(1))
    spool.put(event(2))
    with pytest.raises(Unavailable, match="is full"):
        spool.put(event(3))
    monkeypatch.setattr(spool_module, "MOST_EVENTS", 9)
    monkeypatch.setattr(spool_module, "MOST_BYTES", 500)
    with pytest.raises(Unavailable, match="is full"):
        spool.put(event(3, 400))
    assert drained(spool) == [event(1), event(2)]


def test_a_damaged_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path)
    spool.put(event(1))
    spool.put(event(2))
    min(tmp_path.glob("*.event")).write_bytes(b"{")
    assert drained(Spool(tmp_path)) == [event(2)]
    assert len(list(tmp_path.glob("*.damaged"))) == 1
    assert "was renamed to" in caplog.text


def test_an_event_that_cannot_be_stored_does_not_stop_those_behind_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool, taken = Spool(tmp_path), list[Event]()

    def store(one: Event) -> None:
        if one == event(1):
            raise ValueError("too long for its column")
        taken.append(one)

    spool.put(event(1))
    spool.put(event(2))
    assert (spool.drain(store), taken) == (1, [event(2)])
    assert len(list(tmp_path.glob("*.damaged"))) == 1
    assert "too long for its column" in caplog.text


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((2_000, 1_000, 500))
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    spool = Spool(tmp_path)
    spool.put(event(1))
    spool.put(event(2))
    restarted = Spool(tmp_path)
    restarted.put(event(3))
    assert drained(restarted) == [event(1), event(2), event(3)]


def test_processes_may_share_a_folder(tmp_path: Path) -> None:
    """What another process left is stored, and two never drain at one time."""
    one, other = Spool(tmp_path), Spool(tmp_path)
    one.put(event(1))
    other.put(event(2))
    taken: list[Event] = []

    def store(event: Event) -> None:
        assert Spool(tmp_path).drain(taken.append) == 0
        taken.append(event)

    assert one.drain(store) == 2
    assert (taken, drained(other)) == ([event(1), event(2)], [])


def test_a_full_disk_leaves_no_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        Spool(tmp_path).put(event(1))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        Spool(tmp_path / "file" / "spool").put(event(1))


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "own")
    spool.put(event(1))
    (file,) = (tmp_path / "own").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_chosen_folder_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "spool"):
        with pytest.raises(Misconfigured, match=r"ANYWORD_SPOOL is .*, but events cannot wait there"):
            opened("postgresql://host/name", str(wrong))


def test_a_usual_folder_that_cannot_be_written_is_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(f"sqlite:///{tmp_path}/x.db", "")
    assert not caplog.messages
    (tmp_path / "x.db.spool").write_text("")
    (tmp_path / "file").write_text("")
    opened(f"sqlite:///{tmp_path}/file/x.db", "")
    assert "set ANYWORD_SPOOL to a folder" in caplog.text


def test_each_database_has_a_folder_of_its_own() -> None:
    assert folder_of("sqlite:////data/x.db", "") == Path("/data/x.db.spool")
    assert folder_of("postgresql://a/one", "") != folder_of("postgresql://a/two", "")
    assert folder_of("sqlite:////data/x.db", "/else") == Path("/else")
    assert folder_of("postgresql://a:old@h/one", "") == folder_of("postgresql://b:new@h/one", "")

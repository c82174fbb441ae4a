"""What was offered is remembered, without holding anybody up."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from backend.inference import prediction_log
from backend.inference.prediction_log import PredictionLog
from backend.labelstudio.results import Region
from backend.prompting.prompts import Request
from backend.store import offers
from backend.store.database import Database
from backend.webhooks.corrections import Offer
from model.coco_rle import pack, unpack
from model.errors import Unavailable
from model.types import Clause, Segment
from tests.backend.webhooks.told import KEY, metrics, square

REQUEST = Request((Clause("the ring", label="Ring"),))


def region(name: str, hint: int | None = None) -> Region:
    return Region(name, Segment(square(), 0.9, clause=0 if hint is None else None, hint=hint), "Ring")


def remembered(database: Database, *names: str) -> dict[str, Offer]:
    with database.reading() as connection:
        return offers.offers(connection, KEY, names)


def test_offers_are_remembered_with_the_text_that_they_answer(database: Database) -> None:
    offered = PredictionLog(database, metrics())
    offered.note(KEY, "12", [region("a"), region("b", hint=0)], REQUEST, "v1")
    assert remembered(database, "a") == {}
    assert offered.work_once()
    found = remembered(database, "a", "b")
    assert {name: offer.phrase for name, offer in found.items()} == {"a": "the ring", "b": ""}
    assert (found["a"].task, found["a"].label, found["a"].version) == ("12", "Ring", "v1")
    assert np.array_equal(unpack(found["a"].mask), square())
    assert not offered.work_once()


def test_offers_that_were_packed_elsewhere_are_remembered_too(database: Database) -> None:
    offered = PredictionLog(database, metrics())
    offered.add(KEY, [Offer("a", "12", "Ring", "the ring", pack(square()), "v1")])
    offered.note(KEY, "12", [region("b")], REQUEST, "v1")
    assert offered.work_once()
    assert remembered(database, "a", "b").keys() == {"a", "b"}
    assert not offered.work_once()


def test_a_region_that_is_offered_again_is_remembered_as_last(database: Database) -> None:
    offered = PredictionLog(database, metrics())
    offered.note(KEY, "12", [region("a")], REQUEST, "v1")
    offered.note(KEY, "12", [region("a")], REQUEST, "v2")
    offered.work_once()
    assert remembered(database, "a")["a"].version == "v2"


def test_offers_wait_for_a_database_that_is_away_and_the_oldest_go(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = metrics()
    offered = PredictionLog(database, counts)
    monkeypatch.setattr(prediction_log, "MOST_OFFERS", 2)
    lock = sqlite3.connect(tmp_path / "anyword.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    for name in ("a", "b", "c"):
        offered.note(KEY, "12", [region(name)], REQUEST, "v1")
        with pytest.raises(Unavailable):
            offered.work_once()
    lock.execute("ROLLBACK")
    lock.close()
    offered.work_once()
    assert set(remembered(database, "a", "b", "c")) == {"b", "c"}
    assert counts.registry.get_sample_value("anyword_offers_total", {"outcome": "dropped"}) == 1
    assert counts.registry.get_sample_value("anyword_offers_total", {"outcome": "remembered"}) == 2


def test_masks_that_wait_to_be_packed_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = PredictionLog(database, metrics())
    monkeypatch.setattr(prediction_log, "MOST_BYTES", 2 * square().nbytes)
    offered.note(KEY, "12", [region(name) for name in "abc"], REQUEST, "v1")
    offered.work_once()
    assert set(remembered(database, *"abc")) == {"b", "c"}


def test_the_thread_stores_what_waits_when_it_is_closed(database: Database) -> None:
    offered = PredictionLog(database, metrics())
    offered.start()
    offered.note(KEY, "12", [region("a")], REQUEST, "v1")
    offered.close()
    assert set(remembered(database, "a")) == {"a"}

"""What was offered, and for how long it is remembered."""

import pytest

from backend.store import offers
from backend.store.database import Database
from tests.backend.store.samples import offer


def test_an_offer_comes_back_and_the_newer_one_stays(database: Database, project: str) -> None:
    with database.writing() as connection:
        offers.offer(connection, project, [offer("a"), offer("b")])
        offers.offer(connection, project, [offer("a", "v2"), offer("a", "v3")])
        offers.offer(connection, project, [])
    with database.reading() as connection:
        found = offers.offers(connection, project, ["a", "b", "unknown"])
    assert found == {"a": offer("a", "v3"), "b": offer("b")}


def test_only_the_newest_offers_stay(database: Database, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "NEWEST", 5)
    with database.writing() as connection:
        for start in (0, 4, 8):
            offers.offer(connection, project, [offer(f"r{number}") for number in range(start, start + 4)])
        offers.offer(connection, project, [offer("r4", "again")])
        found = offers.offers(connection, project, [f"r{number}" for number in range(12)])
    assert sorted(found) == ["r10", "r11", "r4", "r8", "r9"]


def test_thousands_of_regions_can_be_asked_for_at_once(database: Database, project: str) -> None:
    many = [offer(f"r{number}") for number in range(offers.SLICE + 1)]
    with database.writing() as connection:
        offers.offer(connection, project, many)
        found = offers.offers(connection, project, (one.region for one in many))
    assert len(found) == len(many)

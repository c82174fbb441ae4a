"""Events that are broken, strange, repeated or in the wrong order, told to a whole app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from unittest.mock import patch

import numpy as np
import pytest

from backend.server import app
from backend.store.tables import metadata
from model.coco_rle import pack
from tests.backend import calls
from tests.backend.colour_engine import ColourEngine
from tests.faults.lessons import looked
from tests.faults.room import Room, room
from tests.faults.studio import Event, Studio, item, task
from tests.faults.waiting import until

MASK = np.zeros((60, 80), np.bool_)
MASK[10:30, 20:50] = True
OTHER = np.roll(MASK, 15, axis=1)


@pytest.fixture
def told(url: str) -> Iterator[Room]:
    with room(url, ColourEngine()) as opened:
        yield opened


@pytest.fixture
def picture() -> Event:
    return task(1, calls.data_uri(calls.picture()))


def test_a_mask_that_is_cut_short_costs_nothing_but_itself(told: Room, studio: Studio, picture: Event) -> None:
    cut = item("red", MASK, "cut")
    cut["value"]["rle"] = cut["value"]["rle"][: len(cut["value"]["rle"]) // 2]
    assert told.tell(studio.with_items(1, picture, [cut, item("blue", OTHER, "whole")])).status_code == 200
    assert told.tell(studio.annotated(2, task(2, "next.png"), {"red": [MASK]})).status_code == 200
    known = told.known(studio)
    assert not known[1].complete
    assert [(each.label, each.mask) for each in known[1].corrections] == [("blue", pack(OTHER))]
    assert [(each.label, each.mask) for each in known[2].corrections] == [("red", pack(MASK))]


def test_an_event_about_another_projects_task_is_refused(told: Room, studio: Studio, picture: Event) -> None:
    stray = studio.annotated(1, picture, {"red": [MASK]})
    stray["task"]["project"] = stray["annotation"]["project"] = 2
    assert told.tell(stray).status_code == 400
    assert told.known(studio) == {}


def test_two_projects_share_nothing(told: Room, studio: Studio, picture: Event) -> None:
    neighbour = replace(studio, id=2)
    told.tell(studio.annotated(1, picture, {"red": [MASK]}))
    told.tell(neighbour.annotated(1, picture, {"red": [OTHER]}))
    told.tell(neighbour.deleted(1))
    assert set(told.known(studio)) == {1}
    assert told.known(neighbour) == {}


def test_an_event_that_comes_twice_counts_once(told: Room, studio: Studio, picture: Event) -> None:
    event = studio.annotated(1, picture, {"red": [MASK]})
    told.tell(event)
    once = told.basis(studio)
    told.tell(event)
    assert told.basis(studio) == once
    assert len(told.known(studio)) == 1


def test_the_order_of_events_does_not_matter(told: Room, picture: Event) -> None:
    ended, went_on = [], []
    for number, order in enumerate(permutations(range(3)), start=1):
        project = Studio(calls.BRUSH, id=number)
        events = [project.annotated(1, picture, {"Thing": [mask]}, at) for at, mask in enumerate((MASK, OTHER))]
        for at in order:
            told.tell([*events, project.deleted(1)][at])
        ended.append(told.known(project))
        survivor = Studio(calls.BRUSH, id=100 + number)
        events = [survivor.annotated(1, picture, {"Thing": [mask]}, at) for at, mask in enumerate((MASK, OTHER, MASK))]
        for at in order:
            told.tell(events[at])
        went_on.append(told.known(survivor)[1])
    assert ended == [{}] * 6
    assert {each.updated for each in went_on} == {went_on[0].updated}
    assert all(each.corrections[0].mask == pack(MASK) for each in went_on)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"action": 1}', b'{"action": "ANNOTATION_CREATED"}', b"\xff"])
def test_what_is_no_event_is_refused_and_nothing_stops(told: Room, studio: Studio, picture: Event, body: bytes) -> None:
    answer = told.app.test_client().post("/webhook", data=body, content_type="application/json")
    assert 400 <= answer.status_code < 500
    told.tell(studio.annotated(1, picture, {"red": [MASK]}))
    assert set(told.known(studio)) == {1}


def test_no_secret_of_a_project_is_kept(told: Room, studio: Studio, picture: Event) -> None:
    told.tell(studio.annotated(1, picture, {"red": [MASK]}))
    event = studio.event("START_TRAINING")
    told.tell(event)
    told.known(studio)
    with told.database.reading() as connection:
        stored = "".join(repr(row) for table in metadata.sorted_tables for row in connection.execute(table.select()))
    assert "Project 1" in stored
    assert "never-kept" not in stored


def test_a_picture_that_is_gone_costs_nothing_but_itself(url: str, studio: Studio, picture: Event) -> None:
    gone = ["gone.png", "http://127.0.0.1:9/gone.png", "/data/upload/1/gone.png", "data:image/png;base64,", "s3://a/b"]
    with patch.object(app, "_learn", looked), room(url, ColourEngine(), learn_every=0) as told:
        for number, address in enumerate([picture["data"]["image"], *gone], start=1):
            assert told.tell(studio.annotated(number, task(number, address), {"red": [MASK]})).status_code == 200
        assert told.tell(studio.event("START_TRAINING")).status_code == 200
        until("a verdict", lambda: bool(told.verdicts(studio)))
        [judged] = told.verdicts(studio)
        assert judged.verdict.figures == {"gone": len(gone)}
        assert told.ask(studio, picture).status_code == 200

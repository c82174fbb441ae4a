"""What annotators did, and how it survives the ways in which news of it travels."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.store import annotation_rows
from backend.store.annotation_rows import Event
from backend.store.database import Database
from backend.webhooks.corrections import Annotation
from tests.backend.store.samples import PAGE, annotation, correction, moment, replace_all
from tests.backend.store.worlds import News, deliver, worlds

NEW = (f"w{number}.1" for number in itertools.count(1))


def live(database: Database, project: str) -> dict[int, str]:
    """The live annotations: what each says."""
    with database.reading() as connection:
        return {found.id: found.texts[0] for found in annotation_rows.annotations(connection, project)}


def test_an_annotation_comes_back_as_it_was(database: Database, project: str) -> None:
    east = timezone(timedelta(hours=5))
    told = Annotation(
        id=2**40,
        task=3,
        picture="s3://b/ü.png",
        user="7",
        updated=datetime(2026, 1, 2, 3, 4, 5, 678901, east),
        cancelled=True,
        ground_truth=True,
        imported=True,
        parent_prediction=9,
        texts=("the glorp", "☃"),
        corrections=(correction("b", b"\x00\xff"), correction("a")),
        complete=False,
    )
    with database.writing() as connection:
        assert annotation_rows.keep(connection, project, told)
    with database.reading() as connection:
        (found,) = annotation_rows.annotations(connection, project)
    assert found == told
    assert found.updated.tzinfo is UTC


def test_text_that_no_database_stores_is_kept_without_it(database: Database, project: str) -> None:
    with database.writing() as connection:
        annotation_rows.keep(connection, project, Annotation(1, 1, "a\0b\ud800c", "u", moment(1), texts=("\0",)))
    with database.reading() as connection:
        assert annotation_rows.annotations(connection, project)[0].picture == "a\ufffdb\ufffdc"


def test_the_same_event_twice_changes_nothing(database: Database, project: str) -> None:
    with database.writing() as connection:
        assert annotation_rows.keep(connection, project, annotation(1, 5, said="a"))
        before = annotation_rows.basis(connection, project)
        assert not annotation_rows.keep(connection, project, annotation(1, 5, said="a"))
        assert annotation_rows.basis(connection, project) == before


def test_an_older_state_does_not_replace_a_newer_one(database: Database, project: str) -> None:
    with database.writing() as connection:
        assert annotation_rows.keep(connection, project, annotation(1, 5, said="new", masks=1))
        assert not annotation_rows.keep(connection, project, annotation(1, 4, said="old", masks=3))
        assert annotation_rows.keep(connection, project, annotation(1, 6, said="newest", masks=2))
    with database.reading() as connection:
        assert [len(found.corrections) for found in annotation_rows.annotations(connection, project)] == [2]
    assert live(database, project) == {1: "newest"}


def test_a_deletion_before_the_creation_wins(database: Database, project: str) -> None:
    with database.writing() as connection:
        annotation_rows.forget(connection, project, [1], moment(9))
        assert not annotation_rows.keep(connection, project, annotation(1, 5))
        assert not annotation_rows.keep(connection, project, annotation(1, 15)), "Label Studio gives no id twice"
    assert live(database, project) == {}


def test_a_task_takes_its_annotations_along_even_unknown_ones(database: Database, project: str) -> None:
    with database.writing() as connection:
        annotation_rows.keep(connection, project, annotation(1, 5, task=1))
        annotation_rows.keep(connection, project, annotation(2, 5, task=2, said="other"))
        annotation_rows.forget_tasks(connection, project, [1], moment(9))
        assert not annotation_rows.keep(connection, project, annotation(3, 6, task=1))
    assert live(database, project) == {2: "other"}


def test_a_sync_brings_what_was_missed_and_drops_what_is_gone(database: Database, project: str) -> None:
    with database.writing() as connection:
        annotation_rows.keep(connection, project, annotation(1, 5, said="stale"))
        annotation_rows.keep(connection, project, annotation(2, 5, said="gone"))
        annotation_rows.keep(connection, project, annotation(3, 11, said="made meanwhile"))
        found = [annotation(1, 6, said="fresh"), annotation(4, 2, said="missed")]
        replace_all(connection, project, found, moment(10))
        assert not annotation_rows.keep(connection, project, annotation(2, 5, said="gone")), "its event came late"
    assert live(database, project) == {1: "fresh", 3: "made meanwhile", 4: "missed"}


def test_a_sync_says_what_stands_even_where_the_time_of_saving_did_not_change(database: Database, project: str) -> None:
    with database.writing() as connection:
        annotation_rows.keep(connection, project, annotation(1, 5, said="a"))
        for said in ("b", "a", "c"):
            replace_all(connection, project, [annotation(1, 5, said=said)], moment(10 + ord(said)))
    assert live(database, project) == {1: "c"}


@pytest.mark.parametrize(("began", "there"), [(8, False), (9, False), (10, True)])
def test_only_a_sync_that_began_after_a_deletion_undoes_it(
    database: Database, project: str, began: float, there: bool
) -> None:
    with database.writing() as connection:
        annotation_rows.forget(connection, project, [1], moment(9))
        annotation_rows.forget_tasks(connection, project, [2], moment(9))
        found = [annotation(1, 5, task=1, said="a"), annotation(2, 5, task=2, said="b")]
        replace_all(connection, project, found, moment(began))
    assert live(database, project) == ({1: "a", 2: "b"} if there else {})


def test_an_older_sync_that_ends_later_brings_nothing_back(database: Database, project: str) -> None:
    with database.writing() as connection:
        replace_all(connection, project, [annotation(2, 5, said="new")], moment(20))
        replace_all(connection, project, [annotation(1, 5, said="old"), annotation(2, 4, said="old")], moment(10))
    assert live(database, project) == {2: "new"}


def test_a_sync_of_more_than_a_page_is_taken_as_a_whole(database: Database, project: str) -> None:
    many = [annotation(id, 5, said=str(id)) for id in range(1, PAGE * 2 + 2)]
    with database.writing() as connection:
        replace_all(connection, project, many, moment(10))
        replace_all(connection, project, many[1:], moment(11))
        assert annotation_rows.basis(connection, project).count == PAGE * 2
        annotation_rows.forget(connection, project, range(2_000), moment(12))
        assert annotation_rows.basis(connection, project).count == 0


def test_labels_come_without_masks(database: Database, project: str) -> None:
    one, none = annotation(1, 0, masks=2), annotation(2, 0, masks=0)
    masks = (*one.corrections, replace(one.corrections[0], region="another", label=None))
    with database.writing() as connection:
        for each in (replace(one, corrections=masks), none):
            annotation_rows.keep(connection, project, each)
        found = annotation_rows.labelled(connection, project)
    assert [(each.id, each.corrections) for each, _ in found] == [(1, ()), (2, ())]
    assert [labels for _, labels in found] == [frozenset({"Star", None}), frozenset()]


def test_the_basis_changes_with_anything_that_is_live(database: Database, project: str) -> None:
    states = [annotation(2, 5), annotation(2, 6), annotation(2, 7, masks=2), annotation(2, 8, said="a")]
    with database.writing() as connection:
        seen = [annotation_rows.basis(connection, project)]
        for state in (annotation(1, 5), *states):
            annotation_rows.keep(connection, project, state)
            seen.append(annotation_rows.basis(connection, project))
        assert len(set(seen)) == 6
        assert [basis.count for basis in seen] == [0, 1, 2, 2, 2, 2]
        annotation_rows.forget(connection, project, [2], moment(9))
        assert annotation_rows.basis(connection, project) == seen[1]


def test_the_inbox_is_read_in_order_and_settled(url: str) -> None:
    database = Database(url)
    bodies = [b'{"action": 1}', b"\x00not json", b""]
    with database.writing() as connection:
        for body in bodies:
            annotation_rows.record(connection, Event("1.5", "ANNOTATION_CREATED", body, moment(1)))
    with database.writing() as connection:
        first, second = annotation_rows.pending(connection, 2)
        assert [first.body, second.body] == bodies[:2]
        assert (first.project, first.action, first.received) == ("1.5", "ANNOTATION_CREATED", moment(1))
        annotation_rows.settle(connection, [first.id, second.id])
        annotation_rows.settle(connection, [])
        assert [event.body for event in annotation_rows.pending(connection, 9)] == bodies[2:]
    database.close()


@given(worlds(), st.data())
@settings(max_examples=40)
def test_no_order_and_no_repetition_of_news_makes_a_difference(
    database: Database, news: list[News], data: st.DataObject
) -> None:
    heard = data.draw(st.lists(st.sampled_from(news), max_size=2 * len(news)) if news else st.just([]))
    shuffled = data.draw(st.permutations(heard + data.draw(st.lists(st.sampled_from(heard)) if heard else st.just([]))))
    one, other = next(NEW), next(NEW)
    with database.writing() as connection:
        deliver(connection, one, heard)
        deliver(connection, other, shuffled)
        assert annotation_rows.annotations(connection, one) == annotation_rows.annotations(connection, other)
        assert annotation_rows.basis(connection, one) == annotation_rows.basis(connection, other)


@given(worlds(ends_with_a_sync=True), st.data())
@settings(max_examples=40)
def test_after_a_sync_the_facts_are_what_label_studio_has(
    database: Database, news: list[News], data: st.DataObject
) -> None:
    lost = data.draw(st.sets(st.sampled_from(range(len(news) - 1)))) if len(news) > 1 else set()
    heard = data.draw(st.permutations([one for number, one in enumerate(news) if number not in lost]))
    project = next(NEW)
    with database.writing() as connection:
        deliver(connection, project, heard)
        assert annotation_rows.annotations(connection, project) == news[-1].annotations

"""Runs under a lease: one at a time, nothing learned twice, and nothing that was done is lost."""

import threading

import pytest

from backend.store import revisions, runs
from backend.store.annotation_rows import Basis
from backend.store.database import Database
from backend.store.revisions import Draft, StaleParent
from backend.store.runs import LostLease, Run, RunVerdict

FIVE, SIX = Basis(5, "a" * 32), Basis(6, "b" * 32)
NOTHING = RunVerdict(None, {"missing": 3}, "Too few corrections")


def claimed(database: Database, project: str, basis: Basis, owner: str, seconds: float = 60) -> Run | None:
    with database.writing() as connection:
        return runs.claim(connection, project, basis, owner, seconds)


def taken(database: Database, project: str, basis: Basis, owner: str, seconds: float = 60) -> Run:
    run = claimed(database, project, basis, owner, seconds)
    assert run is not None
    return run


def finished(database: Database, run: Run, verdict: RunVerdict = NOTHING) -> None:
    with database.writing() as connection:
        runs.finish(connection, run, verdict)


def learned(database: Database, run: Run) -> None:
    with database.writing() as connection:
        number = revisions.number_in_force(connection, run.project) + 1
        runs.finish(connection, run, RunVerdict(number, {}, "Better"))
        assert revisions.adopt(connection, run.project, Draft("learned", {}, b""), run.parent) == number


def test_a_lease_keeps_others_away_whatever_they_want_to_learn(database: Database, project: str) -> None:
    run = taken(database, project, FIVE, "one")
    assert (run.basis, run.parent, run.attempt) == (FIVE, 0, 1)
    assert claimed(database, project, FIVE, "other") is None
    assert claimed(database, project, SIX, "other") is None


def test_the_owner_goes_on_with_its_own_run(database: Database, project: str) -> None:
    run = taken(database, project, FIVE, "one")
    again = taken(database, project, FIVE, "one")
    assert (again.id, again.attempt) == (run.id, 1)


def test_a_run_whose_lease_ran_out_goes_on_from_its_steps(database: Database, project: str) -> None:
    first = taken(database, project, FIVE, "one", seconds=0)
    with database.writing() as connection:
        runs.save(connection, first, "fold 1", b"half")
        runs.save(connection, first, "fold 1", b"whole")
        runs.save(connection, first, "fold 2", b"\x00")
    second = taken(database, project, FIVE, "other")
    assert (second.id, second.attempt) == (first.id, 2)
    with database.reading() as connection:
        assert runs.saved(connection, second) == {"fold 1": b"whole", "fold 2": b"\x00"}


def test_who_lost_the_lease_changes_nothing_any_more(database: Database, project: str) -> None:
    first = taken(database, project, FIVE, "one", seconds=0)
    second = taken(database, project, FIVE, "other")
    with pytest.raises(LostLease), database.writing() as connection:
        runs.save(connection, first, "fold 1", b"late")
    with pytest.raises(LostLease), database.writing() as connection:
        runs.beat(connection, first, 60)
    with pytest.raises(LostLease):
        learned(database, first)
    with database.reading() as connection:
        assert runs.saved(connection, second) == {}
        assert revisions.history(connection, project) == ()
        assert runs.current(connection, project) == second


def test_a_beat_holds_the_lease_and_says_what_is_done(database: Database, project: str) -> None:
    run = taken(database, project, FIVE, "one", seconds=0)
    with database.writing() as connection:
        runs.beat(connection, run, 60, "fold 2 of 5")
    assert claimed(database, project, FIVE, "other") is None
    with database.reading() as connection:
        current = runs.current(connection, project)
        assert current is not None
        assert current.doing == "fold 2 of 5"
        assert current.expires > run.expires


def test_a_lease_that_is_given_back_is_free_at_once(database: Database, project: str) -> None:
    run = taken(database, project, FIVE, "one")
    with database.writing() as connection:
        runs.save(connection, run, "fold 1", b"x")
        runs.beat(connection, run, 0.0)
    other = taken(database, project, FIVE, "other")
    with database.reading() as connection:
        assert runs.saved(connection, other) == {"fold 1": b"x"}


def test_a_basis_is_judged_once_on_top_of_a_revision(database: Database, project: str) -> None:
    finished(database, taken(database, project, FIVE, "one"))
    assert claimed(database, project, FIVE, "one") is None
    assert claimed(database, project, FIVE, "other") is None
    six = taken(database, project, SIX, "other")
    learned(database, six)
    assert taken(database, project, FIVE, "one").parent == 1


def test_verdicts_stay_and_steps_go(database: Database, project: str) -> None:
    run = taken(database, project, FIVE, "one")
    with database.writing() as connection:
        runs.save(connection, run, "fold 1", b"x")
        runs.finish(connection, run, NOTHING)
    with database.reading() as connection:
        (judged,) = runs.verdicts(connection, project)
        assert (judged.basis, judged.parent, judged.verdict) == (FIVE, 0, NOTHING)
        assert judged.finished >= judged.started
        assert runs.saved(connection, run) == {}
        assert runs.current(connection, project) is None


def test_a_verdict_without_its_adoption_is_not_kept(database: Database, project: str) -> None:
    run = taken(database, project, FIVE, "one")
    with database.writing() as connection:
        revisions.adopt(connection, project, Draft("by hand", {}, b""), 0)
    with pytest.raises(StaleParent):
        learned(database, run)
    with database.reading() as connection:
        assert runs.verdicts(connection, project) == ()
        assert runs.current(connection, project) == run


def test_newer_facts_take_the_place_of_an_unfinished_run(database: Database, project: str) -> None:
    old = taken(database, project, FIVE, "one")
    with database.writing() as connection:
        runs.save(connection, old, "fold 1", b"x")
    new = taken(database, project, SIX, "one")
    with database.reading() as connection:
        assert runs.saved(connection, old) == {}
        assert runs.current(connection, project) == new


def test_after_a_reset_a_basis_may_be_judged_again(database: Database, project: str) -> None:
    finished(database, taken(database, project, FIVE, "one"))
    running = taken(database, project, SIX, "one")
    with database.writing() as connection:
        revisions.reset(connection, project)
    with pytest.raises(LostLease):
        finished(database, running)
    finished(database, taken(database, project, FIVE, "other"))
    with database.reading() as connection:
        assert len(runs.verdicts(connection, project)) == 2


def test_of_many_who_claim_at_once_one_learns(url: str) -> None:
    together, outcomes = threading.Barrier(8, timeout=60), []

    def work(number: int) -> None:
        own = Database(url)
        together.wait()
        outcomes.append(claimed(own, "1.5", FIVE, str(number)))
        own.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in outcomes if run is not None]) == 1

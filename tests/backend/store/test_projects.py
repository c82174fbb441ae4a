"""The projects that were seen, and that they have nothing in common."""

from sqlalchemy import Connection

from backend.store import annotation_rows, offers, projects, revisions, runs
from backend.store.database import Database
from backend.store.projects import Project
from backend.store.revisions import Draft
from tests.backend.store.samples import annotation, moment, offer, replace_all


def test_a_project_is_described_anew_and_keeps_its_times(database: Database, project: str) -> None:
    with database.writing() as connection:
        assert projects.find(connection, project) is None
        projects.see(connection, Project(project, "http://ls", "Stars", "<View/>"))
        projects.note_webhook(connection, project, moment(2))
        projects.note_sync(connection, project, moment(3))
        projects.see(connection, Project(project, "http://ls", "Stars and rings", "<View></View>"))
    with database.reading() as connection:
        found = projects.find(connection, project)
        assert found == Project(project, "http://ls", "Stars and rings", "<View></View>", moment(2), moment(3))
        assert found in projects.all_projects(connection)


def test_the_latest_time_stays_and_needs_no_description(database: Database, project: str) -> None:
    with database.writing() as connection:
        for seconds in (1, 3, 2):
            projects.note_webhook(connection, project, moment(seconds))
    with database.reading() as connection:
        assert projects.find(connection, project) == Project(project, last_webhook=moment(3))


def test_projects_share_nothing(database: Database, project: str) -> None:
    """Two projects with the same ids, of which everything is done to one."""
    one, other = project, f"{project}1"
    with database.writing() as connection:
        for key in (one, other):
            annotation_rows.keep(connection, key, annotation(1, 5, task=1, said="a"))
            offers.offer(connection, key, [offer("r", version=key)])
            revisions.adopt(connection, key, Draft("first", {}, key.encode()), 0)
            runs.claim(connection, key, annotation_rows.basis(connection, key), "me", 60)
    with database.writing() as connection:
        before = _everything(connection, other)
        annotation_rows.keep(connection, one, annotation(2, 6))
        annotation_rows.forget(connection, one, [1], moment(9))
        annotation_rows.forget_tasks(connection, one, [1], moment(9))
        replace_all(connection, one, [], moment(99))
        offers.offer(connection, one, [offer("r", version="v2")])
        revisions.adopt(connection, one, Draft("second", {}, b""), 1)
        revisions.pin(connection, one, True)
        revisions.reset(connection, one)
    with database.writing() as connection:
        assert _everything(connection, other) == before
        assert annotation_rows.keep(connection, other, annotation(2, 6))


def _everything(connection: Connection, key: str) -> tuple[object, ...]:
    return (
        annotation_rows.annotations(connection, key),
        offers.offers(connection, key, ["r"]),
        revisions.history(connection, key),
        revisions.in_force(connection, key),
        revisions.pinned(connection, key),
        runs.current(connection, key),
        runs.verdicts(connection, key),
    )

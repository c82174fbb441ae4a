"""A sync through the API repairs what events missed; asked of a web server that answers as Label Studio does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from backend.__main__ import main
from backend.labelstudio import client as client_module
from backend.labelstudio.client import LabelStudioClient
from backend.store import projects
from backend.store.database import Database
from backend.store.projects import Project
from backend.webhooks.process import EventProcessor
from backend.webhooks.receive import EventRecorder
from backend.webhooks.sync import SyncReport, sync, webhook_missing
from model.coco_rle import unpack
from model.errors import AnywordError, Misconfigured, Unavailable
from tests.backend.site import Answer, Seen, redirect, serving, status_only
from tests.backend.webhooks.studio_site import LEGACY, FakeStudio, studio, token
from tests.backend.webhooks.told import KEY, annotation, brush, event, known, metrics, project, square, task

pytestmark = pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")  # of the SDK: renewed tokens


@pytest.fixture
def fake() -> Iterator[FakeStudio]:
    with studio() as started:
        yield started


def listed(number: int, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A task as the API lists it."""
    return {**task(number), "annotations": list(annotations), "predictions": [], **more}


def synced(database: Database, fake: FakeStudio, key: str = LEGACY) -> SyncReport:
    return sync(database, LabelStudioClient(fake.url, key), KEY)


def refusal(database: Database, url: str, key: str = LEGACY) -> AnywordError:
    with pytest.raises(AnywordError) as refused:
        sync(database, LabelStudioClient(url, key), KEY)
    assert LEGACY not in str(refused.value)
    return refused.value


def test_everything_in_the_project_is_read(database: Database, fake: FakeStudio) -> None:
    person = {"id": 3, "email": "a@b"}
    fake.tasks = [
        listed(1, annotation(5, brush(square()), completed_by=person), annotation(6, was_cancelled=True)),
        listed(2),
        listed(3, annotation(7, brush(square(40)), task=3)),
    ]
    assert str(synced(database, fake)) == "project 1 (Things): 3 annotations, 2 masks"
    found = known(database)
    assert [(one.id, one.task, one.picture) for one in found] == [
        (5, 1, "/data/1.png"),
        (6, 1, "/data/1.png"),
        (7, 3, "/data/3.png"),
    ]
    assert np.array_equal(unpack(found[2].corrections[0].mask), square(40))


def test_many_tasks_come_in_pages(database: Database, fake: FakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE", 2)
    fake.tasks = [listed(number, annotation(number, task=number)) for number in (2, 3, 5, 8, 9)]
    assert synced(database, fake).annotations == 5
    assert [one.id for one in known(database)] == [2, 3, 5, 8, 9]
    assert sum(seen.path.startswith("/api/tasks/") for seen in fake.site.seen) == 4


def test_a_task_that_is_deleted_meanwhile_hides_no_other(
    database: Database, fake: FakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 1)
    fake.tasks = [listed(number, annotation(number, task=number)) for number in (1, 2, 3)]
    answer = fake.listed

    def forgetful(seen: Seen) -> Answer:
        page = answer(seen)
        fake.tasks = [one for one in fake.tasks if one["id"] != 1]
        return page

    fake.site.routes["/api/tasks/"] = forgetful
    assert synced(database, fake).annotations == 3


def test_what_is_gone_is_forgotten_and_counted(database: Database, fake: FakeStudio) -> None:
    fake.tasks = [listed(1, annotation(5), annotation(6))]
    synced(database, fake)
    fake.tasks = [listed(1, annotation(6))]
    assert synced(database, fake).gone == 1
    assert [one.id for one in known(database)] == [6]


def test_lost_events_are_repaired_and_late_ones_change_nothing(database: Database, fake: FakeStudio) -> None:
    newest = annotation(5, brush(square(30)), updated_at="2026-11-20T10:05:00Z")
    fake.tasks = [listed(1, newest)]
    synced(database, fake)
    reading, taking = (
        EventProcessor(database, metrics(), lambda _: None),
        EventRecorder(database, metrics(), lambda: None),
    )
    taking.take(event())
    assert reading.work_once()
    [found] = known(database)
    assert np.array_equal(unpack(found.corrections[0].mask), square(30))


def test_what_cannot_be_read_is_counted_and_costs_itself_alone(database: Database, fake: FakeStudio) -> None:
    torn = brush(square(), "torn")
    torn["value"]["rle"] = torn["value"]["rle"][:-6]
    fake.tasks = [listed(1, annotation(5, torn, brush(square())), annotation(6, updated_at="never"))]
    report = synced(database, fake)
    assert str(report) == "project 1 (Things): 1 annotations, 1 masks, 1 masks unreadable, 1 annotations left out"


def test_a_personal_access_token_is_exchanged(database: Database) -> None:
    with studio("/label-studio") as fake:
        fake.tasks = [listed(1, annotation(5))]
        refresh = token("refresh")
        report = sync(database, LabelStudioClient(f"{fake.url}/label-studio", refresh), KEY)
    assert report.annotations == 1
    assert fake.refreshes == [refresh]
    assert {seen.authorization for seen in fake.site.seen} == {None, f"Bearer {fake.access}"}


def test_a_wrong_key_is_explained(database: Database, fake: FakeStudio) -> None:
    error = refusal(database, fake.url, "f" * 40)
    assert isinstance(error, Misconfigured)
    assert "check ANYWORD_LABEL_STUDIO_API_KEY" in str(error)


def test_a_project_that_is_gone_keeps_what_is_known(database: Database, fake: FakeStudio) -> None:
    fake.tasks = [listed(1, annotation(5))]
    synced(database, fake)
    fake.site.routes["/api/tasks/"] = status_only(404)
    assert "is not on" in str(refusal(database, fake.url))
    fake.site.routes.clear()
    assert "project 1 is not on" in str(refusal(database, fake.url))
    assert len(known(database)) == 1


def test_another_project_of_the_same_number_is_not_this_one(database: Database, fake: FakeStudio) -> None:
    fake.project = project(created_at="2026-11-21T00:00:00Z")
    fake.tasks = [listed(1, annotation(5))]
    assert "is another one than 1.1795168390" in str(refusal(database, fake.url))
    assert known(database) == ()


def test_a_server_that_is_away_or_fails_is_named(database: Database, fake: FakeStudio) -> None:
    with serving() as gone:
        address = gone.url
    assert isinstance(refusal(database, address), Unavailable)
    fake.site.routes["/api/tasks/"] = status_only(500)
    assert "500 from" in str(refusal(database, fake.url))


def test_the_key_follows_no_redirect(database: Database, fake: FakeStudio) -> None:
    with serving() as elsewhere:
        for path in list(fake.site.routes):
            fake.site.routes[path] = redirect(f"{elsewhere.url}{path}")
        assert "302 from" in str(refusal(database, fake.url))
        assert elsewhere.seen == []


@pytest.mark.parametrize(
    "page",
    [
        b"<html>",
        b'{"tasks": null}',
        b'{"tasks": [{"id": 1, "data": {}}]}',
        b'{"tasks": [{"id": 1, "data": {}, "annotations": [{"id": 5}]}]}',
        b'{"tasks": [{"id": 0, "data": {}, "annotations": []}]}',
    ],
)
def test_a_page_that_is_none_does_not_pass_for_an_empty_project(
    database: Database, fake: FakeStudio, page: bytes
) -> None:
    fake.tasks = [listed(1, annotation(5))]
    synced(database, fake)
    fake.site.routes["/api/tasks/"] = lambda _: (200, {"Content-Type": "application/json"}, page)
    assert "from" in str(refusal(database, fake.url)) or "does not answer" in str(refusal(database, fake.url))
    assert len(known(database)) == 1


def test_without_an_address_or_a_key_nothing_is_asked() -> None:
    for url, key in (("", LEGACY), ("http://127.0.0.1:9", "")):
        with pytest.raises(Misconfigured, match="Set ANYWORD_LABEL_STUDIO_URL"):
            LabelStudioClient(url, key)


def test_a_webhook_is_missed_once_annotations_came_to_light_without_events(
    database: Database, fake: FakeStudio
) -> None:
    assert not webhook_missing(database, KEY)
    synced(database, fake)
    assert not webhook_missing(database, KEY)
    fake.tasks = [listed(1, annotation(5))]
    synced(database, fake)
    assert webhook_missing(database, KEY)
    saved = datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC)
    for late, missing in ((timedelta(minutes=-3), True), (timedelta(minutes=-1), False)):
        with database.writing() as connection:
            projects.note_webhook(connection, KEY, saved + late)
        assert webhook_missing(database, KEY) is missing


def test_the_command_says_what_was_found(
    database: Database, fake: FakeStudio, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        "ANYWORD_DATABASE": f"sqlite:///{tmp_path}/anyword.db",
        "ANYWORD_LABEL_STUDIO_URL": fake.url,
        "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY,
    }
    assert main(["sync"], environ) == 2
    assert "no project is known here" in capsys.readouterr().err
    with database.writing() as connection:
        projects.see(connection, Project(KEY, "http://studio"))
        projects.see(connection, Project("2.1795168621", "http://studio"))
    fake.tasks = [listed(1, annotation(5, brush(square())))]
    assert main(["sync", "--project", "1"], environ) == 0
    assert capsys.readouterr().out == "project 1 (Things): 1 annotations, 1 masks\n"
    assert main(["sync"], environ) == 1
    told = capsys.readouterr()
    assert told.out == "project 1 (Things): 1 annotations, 1 masks\n"
    assert "project 2 is not on" in told.err
    with database.reading() as connection:
        found = projects.find(connection, KEY)
    assert found
    assert found.hostname == "http://studio"

"""The pages of projects: what they tell, what their buttons do, and for whom."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from backend.learning.lesson_codec import Learned, encode
from backend.page.journal import Journal
from backend.store import annotation_rows, projects, revisions, runs, tables
from backend.store.annotation_rows import Basis
from backend.store.database import Database
from backend.webhooks.corrections import Annotation
from tests.backend.clients import SETTINGS, VERSION, opened
from tests.backend.colour_engine import ColourEngine
from tests.backend.page import learned
from tests.backend.page.html import Page
from tests.backend.page.learned import ELSEWHERE, KEY, OTHER, STUDIO, teach

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
PASSWORD = ("anna", "secret-0123")
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
HOSTILE = "<script>alert(1)</script>\"'{{ 7 * 7 }}"


@pytest.fixture
def store(tmp_path: Path) -> Database:
    return learned.database(tmp_path)


@pytest.fixture
def serve(store: Database) -> Callable[..., FlaskClient]:
    """A client of the real app on this database, with a password or without one."""

    def serve(password: tuple[str, str] = ("", "")) -> FlaskClient:
        user, word = password
        settings = replace(SETTINGS, database=store.name, basic_auth_user=user, basic_auth_password=word)
        return opened(settings, ColourEngine, Journal()).test_client()

    return serve


def page(client: FlaskClient, path: str = "/projects/12", auth: tuple[str, str] | None = None) -> Page:
    response = client.get(path, headers=BROWSER, auth=auth)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    return Page(response.get_data(as_text=True))


def in_force(store: Database, key: str = KEY) -> int:
    with store.reading() as connection:
        return revisions.number_in_force(connection, key)


# What it tells


def test_a_page_tells_what_was_learned_and_how_good_it_is(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    read = page(serve())
    assert read.text.startswith("Dogs and stars, Anyword Dogs and stars project 12 revision 2")
    assert f"{VERSION}-r2" in read.text
    assert "http://studio:8080" in read.text
    assert "pw" not in read.text
    assert "other models" not in read.text
    assert "0.77 → 0.88 8 corrected pictures Ring: holes are filled in force" in read.text
    assert "0.18 → 0.79 5 corrected pictures Star: asked as 'glorp'; embeddings of 'glorp'" in read.text
    assert 'Star 5 0.77 0.88 looks for "glorp"' in read.text


def test_the_curve_has_a_dot_for_each_try_and_names_the_revisions(
    store: Database, serve: Callable[..., FlaskClient]
) -> None:
    teach(store)
    read = page(serve())
    assert [dot["class"] for dot in read.all("circle")] == ["adopted", "kept", "adopted"]
    assert "7 pictures: 0.78 before, 0.74 after, not adopted" in read.text


def test_pictures_of_before_and_after_are_in_the_page(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    pictures = page(serve()).all("img")
    assert [picture["alt"] for picture in pictures] == ["annotators", "before", "after"]
    sources = [picture["src"] or "" for picture in pictures]
    assert all(source.startswith("data:image/jpeg;base64,/9j/") for source in sources)
    assert sources[0] == sources[2] != sources[1]


def test_a_page_says_how_many_pictures_are_missing(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store, story=(learned.FIRST,))
    assert "Ring 2 0.18 0.79 nothing learned 3 more corrected pictures needed" in page(serve()).text


def test_a_revision_that_cannot_answer_is_told_with_the_buttons_that_lead_out(
    store: Database, serve: Callable[..., FlaskClient]
) -> None:
    teach(store)
    for lessons, told in (
        (encode(Learned("older models", {"Star": learned.STAR})), "Revision 2: learned with other models"),
        (b"damaged", "Revision 2: what was learned cannot be read"),
    ):
        with store.writing() as connection:
            connection.execute(tables.revisions.update().values(lessons=lessons))
        read = page(serve(PASSWORD), auth=PASSWORD)
        assert told in read.text
        assert "Use revision 1" in read.text


def test_a_page_says_what_the_learner_does(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store, story=())
    client = serve()
    assert "waits for more annotations" in page(client).text
    with store.writing() as connection:
        run = runs.claim(connection, KEY, Basis(5, "x"), "another process", 60)
        assert run is not None
        runs.beat(connection, run, 60, "fold 2 of 5")
    assert "learns: fold 2 of 5" in page(client).text
    with store.writing() as connection:
        runs.beat(connection, run, 0.0)
    assert "was interrupted" in page(client).text


def test_a_missing_webhook_is_told(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    client = serve()
    assert "webhook" not in page(client).text
    late = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)  # hours after the last event
    with store.writing() as connection:
        annotation_rows.keep(connection, KEY, Annotation(1, 7, "/data/a.png", "3", late))
        projects.note_sync(connection, KEY, late)
    read = page(client)
    assert "annotations that no event told of" in read.text
    assert "Annotations1" in read.text


def test_without_a_database_the_first_page_says_so_and_projects_have_none(
    store: Database, serve: Callable[..., FlaskClient]
) -> None:
    teach(store)
    client = serve()
    store.close()
    for file in Path(store.name.removeprefix("sqlite:///")).parent.glob("anyword.db*"):
        file.write_bytes(b"this is no database" * 500)
    assert "The database" in page(client, "/").text
    assert client.get("/projects/12").status_code == 503


def test_a_project_without_anything_learned_has_a_page(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store, story=())
    read = page(serve())
    assert "nothing learned" in read.text
    assert "Nothing was tried yet" in read.text
    assert read.all("svg") == []


def test_of_several_servers_with_the_same_id_one_is_chosen(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    teach(store, ELSEWHERE, ())
    client = serve()
    read = page(client)
    assert [link["href"] for link in read.all("a")] == [KEY, OTHER, "../"]
    assert "Dogs and stars http://studio:8080" in read.text
    assert "Ships project 12" in page(client, f"/projects/{OTHER}").text


def test_the_first_page_leads_to_every_project(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    links = page(serve(), "/").all("a")
    assert f"projects/{KEY}" in [link["href"] for link in links]


def test_unknown_projects_have_no_page(serve: Callable[..., FlaskClient]) -> None:
    assert serve().get("/projects/77").status_code == 404


def test_hostile_titles_stay_texts(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store, replace(STUDIO, title=HOSTILE, hostname=HOSTILE))
    client = serve()
    for path in ("/projects/12", "/"):
        read = page(client, path)
        assert read.all("script") == []
        assert HOSTILE in read.text


def test_the_page_runs_no_script_and_needs_nothing_from_elsewhere(
    store: Database, serve: Callable[..., FlaskClient]
) -> None:
    teach(store)
    client = serve(PASSWORD)
    response = client.get("/projects/12", auth=PASSWORD)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "form-action 'self'" in policy
    assert response.headers["Referrer-Policy"] == "same-origin"  # else browsers say "Origin: null" of our own forms
    read = Page(response.get_data(as_text=True))
    assert [attributes for _, attributes in read.tags if "style" in attributes] == []
    assert read.all("script") == []
    assert client.get("/projects/12").status_code == 401


# What the buttons do


def press(client: FlaskClient, do: str, number: str | None = None, headers: dict[str, str] | None = None) -> int:
    form = {"do": do} if number is None else {"do": do, "number": number}
    given = OWN if headers is None else headers
    return client.post(f"/projects/{KEY}", data=form, headers=given, auth=PASSWORD).status_code


def test_a_button_changes_what_is_in_force_and_leads_back(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    client = serve(PASSWORD)
    buttons = page(client, auth=PASSWORD).all("button")
    assert [button["value"] for button in buttons] == ["rollback", "rollback", "pin", "reset"]
    form = {"do": "rollback", "number": "1"}
    response = client.post(f"/projects/{KEY}", data=form, headers=OWN, auth=PASSWORD)
    assert (response.status_code, response.headers["Location"]) == (303, KEY)
    assert in_force(store) == 1
    assert "project 12 revision 1" in page(client, auth=PASSWORD).text


def test_nothing_learned_can_be_put_in_force(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    assert press(serve(PASSWORD), "rollback", "0") == 303
    assert in_force(store) == 0


def test_pinning_and_resetting(store: Database, serve: Callable[..., FlaskClient]) -> None:
    teach(store)
    client = serve(PASSWORD)
    assert press(client, "pin") == 303
    assert "revision 2, pinned" in page(client, auth=PASSWORD).text
    assert "nothing: the project is pinned" in page(client, auth=PASSWORD).text
    assert press(client, "unpin") == 303
    assert "pinned" not in page(client, auth=PASSWORD).text
    assert press(client, "reset") == 303
    assert in_force(store) == 0
    with store.reading() as connection:
        assert projects.find(connection, KEY) is not None


@pytest.mark.parametrize(
    ("do", "number", "status"),
    [("rollback", "9", 422), ("rollback", "-1", 400), ("rollback", "x", 400), ("delete", "1", 400), ("", None, 400)],
)
def test_what_cannot_be_done_changes_nothing(
    store: Database, serve: Callable[..., FlaskClient], do: str, number: str | None, status: int
) -> None:
    teach(store)
    assert press(serve(PASSWORD), do, number) == status
    assert in_force(store) == 2


def test_without_a_password_there_are_no_buttons_and_no_changes(
    store: Database, serve: Callable[..., FlaskClient]
) -> None:
    teach(store)
    client = serve()
    read = page(client)
    assert read.all("form") == read.all("button") == []
    assert "ANYWORD_BASIC_AUTH_PASSWORD" in read.text
    response = client.post(f"/projects/{KEY}", data={"do": "rollback", "number": "1"}, headers=OWN)
    assert response.status_code == 403
    assert "ANYWORD_BASIC_AUTH_USER" in response.get_json()["error"]
    assert in_force(store) == 2


@pytest.mark.parametrize("auth", [None, ("anna", "wrong"), ("", "")])
def test_whoever_does_not_know_the_password_changes_nothing(
    store: Database, serve: Callable[..., FlaskClient], auth: tuple[str, str] | None
) -> None:
    teach(store)
    form = {"do": "rollback", "number": "1"}
    assert serve(PASSWORD).post(f"/projects/{KEY}", data=form, headers=OWN, auth=auth).status_code == 401
    assert in_force(store) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "null"},
        {"Referer": "http://localhost/projects/12"},
        {},
    ],
)
def test_forms_on_other_pages_change_nothing_though_the_browser_brings_the_password(
    store: Database, serve: Callable[..., FlaskClient], headers: dict[str, str]
) -> None:
    teach(store)
    assert press(serve(PASSWORD), "rollback", "1", headers) == 403
    assert in_force(store) == 2


def test_a_browser_without_fetch_metadata_is_known_by_its_origin(
    store: Database, serve: Callable[..., FlaskClient]
) -> None:
    teach(store)
    assert press(serve(PASSWORD), "rollback", "1", {"Origin": "http://localhost"}) == 303
    assert in_force(store) == 1


# Versions


def test_versions_lists_each_once_the_newest_first(store: Database, serve: Callable[..., FlaskClient]) -> None:
    client = serve()
    assert client.get("/versions").get_json() == {"versions": [VERSION]}
    teach(store)
    assert client.get("/versions").get_json() == {"versions": [f"{VERSION}-r2", f"{VERSION}-r1", VERSION]}
    teach(store, ELSEWHERE, (learned.FIRST,))
    assert client.get("/versions").get_json() == {"versions": [f"{VERSION}-r1", f"{VERSION}-r2", VERSION]}

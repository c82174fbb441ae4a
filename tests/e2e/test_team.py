"""From nothing to a protected installation for a team: the commands that README gives, and what keeps others out."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from backend.samples import CONFIG
from tests.e2e.conftest import Album
from tests.e2e.label_studio import call, create_project
from tests.e2e.servers import Account, Address
from tests.e2e.team import EMAIL, Team, team
from tests.postgres import missing


@pytest.fixture(scope="module")
def installed(folder: Path) -> Iterator[Team]:
    if reason := missing():
        pytest.skip(reason)
    place = folder / "team"
    place.mkdir()
    with team(place) as served:
        yield served


@pytest.fixture(scope="module")
def studio(installed: Team) -> Address:
    owner = Account(EMAIL, installed.secrets["LABEL_STUDIO_PASSWORD"])
    return Address(installed.label_studio, installed.secrets["LABEL_STUDIO_USER_TOKEN"], owner)


def test_ten_commands_lead_to_an_installation_that_works(installed: Team, studio: Address, album: Album) -> None:
    before = installed.command("doctor")
    assert (before.returncode, "no project has a model connected" in before.stdout) == (1, True), before.stdout
    project = create_project(studio, "Team", CONFIG, album.files[:2])
    connected = installed.command("connect", "--project", str(project), "--at", installed.backend)
    assert connected.returncode == 0, connected.stdout + connected.stderr
    after = installed.command("doctor")
    assert after.returncode == 0, after.stdout
    done = installed.command("preannotate", "--project", str(project))
    assert (done.returncode, f"project {project}: 2 done, 0 skipped, 0 failed" in done.stdout) == (0, True), done.stderr
    task, region = _first_prediction(studio, project)
    call(studio, "POST", f"/api/tasks/{task}/annotations/", {"result": [region], "was_cancelled": False})
    assert _remembered(installed) == 1  # the event came with the secret
    again = installed.command("connect", "--project", str(project), "--at", installed.backend)
    assert (again.returncode, "put right" in again.stdout) == (0, True), again.stdout


def test_nobody_gets_in_without_the_passwords(installed: Team, studio: Address) -> None:
    assert requests.post(f"{installed.backend}/predict", json={}, timeout=30).status_code == 401
    assert requests.get(f"{installed.backend}/metrics", timeout=30).status_code == 401
    assert requests.post(f"{installed.backend}/webhook", json={"action": "PING"}, timeout=30).status_code == 401
    assert requests.get(f"{studio.url}/api/projects", timeout=30).status_code == 401
    assert _signed_up(studio).status_code == 403
    database = installed.environ["ANYWORD_DATABASE"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.replace(installed.secrets["BACKEND_DATABASE_PASSWORD"], "wrong"))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(database.rpartition("/")[0] + "/labelstudio")


def test_a_wrong_password_is_told_when_connecting(installed: Team, studio: Address) -> None:
    project = create_project(studio, "Wrong", CONFIG, [])
    wrong = Team(
        installed.label_studio,
        installed.backend,
        installed.secrets,
        {**installed.environ, "ANYWORD_BASIC_AUTH_PASSWORD": "wrong"},
    )
    refused = wrong.command("connect", "--project", str(project), "--at", installed.backend)
    assert refused.returncode == 2
    assert "Label Studio refuses it: " in refused.stdout
    assert "user name and password that are set here" in refused.stdout


def _signed_up(studio: Address) -> requests.Response:
    """A stranger fills in the form of the sign-up page."""
    with requests.Session() as session:
        session.get(f"{studio.url}/user/signup", timeout=30).raise_for_status()
        form = {"email": "stranger@example.com", "password": "a-long-one-1"}
        token = {"X-CSRFToken": session.cookies["csrftoken"]}
        return session.post(f"{studio.url}/user/signup", data=form, headers=token, timeout=30)


def _first_prediction(studio: Address, project: int) -> tuple[int, object]:
    tasks = call(studio, "GET", f"/api/tasks?project={project}&fields=all")["tasks"]
    [prediction] = tasks[0]["predictions"]
    return int(tasks[0]["id"]), prediction["result"][0]


def _remembered(installed: Team) -> int:
    """How many annotations the backend's own database holds, once its inbox was read."""
    deadline = time.monotonic() + 30
    while True:
        with psycopg.connect(installed.environ["ANYWORD_DATABASE"]) as connection:
            [(count,)] = connection.execute("SELECT count(*) FROM anyword_annotations").fetchall()
        if count or time.monotonic() > deadline:
            return int(count)
        time.sleep(0.1)

"""`python -m backend doctor` beside a real Label Studio: well, a webhook that is gone, and a wrong key."""

from typing import Any

import pytest
import requests

from backend.__main__ import main
from backend.doctor.addresses import DOTLESS
from backend.doctor.api import Api
from backend.doctor.webhooks import examine
from backend.samples import CONFIG
from tests.e2e.label_studio import call, connect, create_project
from tests.e2e.servers import Address, Backend

Command = tuple[int, str]


@pytest.fixture(scope="module")
def project(server: Address, backend: Backend) -> int:
    number = create_project(server, "doctor", CONFIG, [])
    assert connect(server, number, backend).status_code == 201
    return number


def webhooks(server: Address, project: int) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Token {server.key}"}
    answer = requests.get(f"{server.url}/api/webhooks/?project={project}", headers=headers, timeout=30)
    return list(answer.json())


def doctor(backend: Backend, capsys: pytest.CaptureFixture[str], *arguments: str) -> Command:
    capsys.readouterr()
    return main(["doctor", *arguments], backend.environ), capsys.readouterr().out


def test_a_webhook_that_is_gone_is_told_and_made_again(
    server: Address, backend: Backend, project: int, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = doctor(backend, capsys)
    assert status == 0, out
    assert f"ok       Label Studio: 1.23.2 at {server.url}" in out
    assert f"ok       project {project}, webhook: active for all actions, to {backend.url}/webhook" in out
    [made] = webhooks(server, project)
    headers = {"Authorization": f"Token {server.key}"}
    requests.delete(f"{server.url}/api/webhooks/{made['id']}/", headers=headers, timeout=30).raise_for_status()
    status, out = doctor(backend, capsys)
    assert (status, f"project {project}, webhook: there is none" in out) == (2, True), out
    assert webhooks(server, project) == []
    status, out = doctor(backend, capsys, "--repair")
    assert status == 0, out
    [again] = webhooks(server, project)
    assert {**again, **{name: made[name] for name in ("id", "created_at", "updated_at")}} == made
    assert doctor(backend, capsys)[0] == 0


def test_a_webhook_that_was_switched_off_is_put_right(
    server: Address, backend: Backend, project: int, capsys: pytest.CaptureFixture[str]
) -> None:
    [made] = webhooks(server, project)
    call(server, "PATCH", f"/api/webhooks/{made['id']}/", {"is_active": False, "send_for_all_actions": False})
    status, out = doctor(backend, capsys, "--repair")
    assert (status, "is switched off, is not sent for all actions: repaired" in out) == (0, True), out
    [now] = webhooks(server, project)
    assert (now["id"], now["is_active"], now["send_for_all_actions"]) == (made["id"], True, True)


def test_keys_of_each_kind(server: Address, backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = doctor(backend, capsys, "--api-key", "0" * 40)
    assert (status, "problem  key: legacy token, refused with 401" in out) == (2, True), out
    token = call(server, "POST", "/api/token/")["token"]
    status, out = doctor(backend, capsys, "--api-key", token)
    assert "ok       key: personal access token, accepted" in out
    assert token not in out
    status, out = doctor(backend, capsys, "--api-key", token[:-4] + "AAAA")
    assert (status, "personal access token, refused with 401" in out) == (2, True), out


def test_a_host_without_a_dot_gets_no_webhook(server: Address, project: int) -> None:
    found = examine(Api(server.url, f"Token {server.key}"), project, "http://anyword:9090", "", repair=True)
    assert (found.status, found.remedy) == ("problem", DOTLESS)
    assert [webhook for webhook in webhooks(server, project) if "anyword:9090" in webhook["url"]] == []

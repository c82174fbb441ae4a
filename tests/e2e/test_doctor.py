"""`python -m backend doctor` beside a real Label Studio: each finding that it has a part in, provoked once."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import jwt
import pytest
import requests
from werkzeug import Request, Response

from backend import doctor
from backend.__main__ import main
from backend.cli import doctor as doctor_module
from backend.doctor import access, addresses, backends, database_check, models, studio, webhooks
from backend.doctor.api import Api
from backend.doctor.finding import Diagnosis
from backend.samples import CONFIG
from backend.settings import read
from tests.backend import test_certificates
from tests.backend.doctor import test_here, test_studio
from tests.e2e.balancer import balancing
from tests.e2e.label_studio import SECONDS, call, connect, create_project
from tests.e2e.proxy import served
from tests.e2e.servers import Address, Backend, guarded

SECRET = "s3cret-of-the-webhook"
ELSEWHERE: Mapping[str, Callable[..., None]] = {  # what Label Studio has no part in, or its free edition never does
    access.SET_URL: test_studio.test_without_an_address_the_rest_is_skipped,
    access.TRY_URL: test_studio.test_nobody_at_the_address,
    doctor_module.ONE_FILE: test_certificates.test_two_files_are_a_warning_of_doctor,
    backends.FROM_HERE: test_studio.test_a_model_that_label_studio_alone_reaches,
    studio.RIGHTS: test_studio.test_what_the_key_may_not_see_is_told,
    webhooks.REFUSED: test_studio.test_a_key_that_may_not_repair,
    database_check.START: test_here.test_a_database_in_an_old_form_is_left_to_the_server,
    database_check.ELSEWHERE: test_here.test_a_database_that_is_not_there_is_not_made,
    database_check.SET: test_here.test_a_database_that_cannot_be_used,
    models.COPY: test_here.test_weights_that_are_not_whole,
}
PROVOKED: set[str] = set()

Test = TypeVar("Test", bound=Callable[..., None])


def provokes(*remedies: str) -> Callable[[Test], Test]:
    """Marks a test by the remedies that it meets."""
    PROVOKED.update(remedies)
    return lambda test: test


def test_every_remedy_is_met_once() -> None:
    names = [f"backend.doctor.{module.name}" for module in pkgutil.iter_modules(doctor.__path__)]
    modules = [doctor_module, *map(importlib.import_module, names)]
    constants = [item for module in modules for item in vars(module).items()]
    remedies = {value for name, value in constants if name.isupper() and isinstance(value, str) and value.endswith(".")}
    assert remedies == PROVOKED | set(ELSEWHERE)
    assert not PROVOKED & set(ELSEWHERE)


@pytest.fixture
def project(server: Address, backend: Backend) -> Iterator[int]:
    """A project with a model, which is gone after the test."""
    number = create_project(server, "doctor", CONFIG, [])
    assert connect(server, number, backend).status_code == 201
    yield number
    deleted(server, f"/api/projects/{number}/")


def deleted(server: Address, path: str) -> None:
    requests.delete(server.url + path, headers=authorized(server), timeout=SECONDS).raise_for_status()


def authorized(server: Address) -> dict[str, str]:
    return {"Authorization": f"Token {server.key}"}


def examined(server: Address, chosen: Mapping[str, str] | None = None, repair: bool = False) -> list[Diagnosis]:
    """What the doctor finds out about Label Studio."""
    environ = {"ANYWORD_LABEL_STUDIO_URL": server.url, "ANYWORD_LABEL_STUDIO_API_KEY": server.key}
    return list(studio.examine(read({**environ, **(chosen or {})}), repair))


def amiss(findings: list[Diagnosis], project: int | None = None) -> list[tuple[str, str, str]]:
    """Status, state and remedy of what is not well; of one project where its number is given."""
    wanted = [each for each in findings if project is None or each.name.startswith(f"project {project}, ")]
    return [(each.status, each.what, each.remedy) for each in wanted if each.status in ("warning", "problem")]


def hooks(server: Address, project: int) -> list[dict[str, Any]]:
    answer = requests.get(f"{server.url}/api/webhooks/?project={project}", headers=authorized(server), timeout=SECONDS)
    return list(answer.json())


# All is well, and the key


def test_all_is_well(server: Address, backend: Backend, project: int, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"], backend.environ)
    out = capsys.readouterr().out
    assert f"ok       Label Studio: 1.23.2 at {server.url}" in out
    assert "ok       key: legacy token, accepted" in out
    assert f"ok       project {project}, model {backend.url}: answers from here" in out
    assert f'ok       project {project}, model {backend.url}: Label Studio calls it "Connected"' in out
    assert f"ok       project {project}, webhook: active for all actions, to {backend.url}/webhook" in out
    assert f"ok       project {project}, labelling config: " in out
    assert server.key not in out


@provokes(access.OTHER_URL)
def test_another_server_at_the_address(server: Address, backend: Backend) -> None:
    [found] = amiss(examined(Address(backend.url, server.key)))
    assert (found[0], found[2]) == ("problem", access.OTHER_URL)


@provokes(access.SET_KEY, access.LEGACY_OFF, access.NO_REFRESH, access.NEW_KEY)
def test_keys_of_each_kind(server: Address) -> None:
    personal = str(call(server, "POST", "/api/token/")["token"])
    assert key_of(server, personal) == ("ok", "personal access token, accepted", "")
    short = str(call(server, "POST", "/api/token/refresh/", {"refresh": personal})["access"])
    old = jwt.encode({"token_type": "refresh", "exp": 1}, "k" * 32, "HS256")
    assert key_of(server, "")[2] == key_of(server, "a-key")[2] == access.SET_KEY
    assert key_of(server, "0" * 40) == ("problem", "legacy token, refused with 401", access.LEGACY_OFF)
    assert key_of(server, short) == ("problem", "a token, but no personal access token", access.NO_REFRESH)
    assert key_of(server, old) == ("problem", "personal access token, expired on 1970-01-01", access.NEW_KEY)
    answer = requests.post(
        f"{server.url}/api/token/blacklist/", json={"refresh": personal}, headers=authorized(server), timeout=SECONDS
    )
    assert answer.ok, answer.text
    assert key_of(server, personal) == ("problem", "personal access token, refused with 401", access.NEW_KEY)


def key_of(server: Address, key: str) -> tuple[str, str, str]:
    found = next(each for each in examined(server, {"ANYWORD_LABEL_STUDIO_API_KEY": key}) if each.name == "key")
    return found.status, found.what, found.remedy


# Models


@provokes(backends.INTERACTIVE)
def test_a_model_that_nobody_asks(server: Address, project: int) -> None:
    [model] = Api(server.url, f"Token {server.key}").items(f"/api/ml/?project={project}")
    chosen = {"url": model["url"], "project": project, "title": "Anyword", "is_interactive": False}
    call(server, "PATCH", f"/api/ml/{model['id']}", chosen)
    assert [each[2] for each in amiss(examined(server), project)] == [backends.INTERACTIVE]


@provokes(backends.RUN, backends.EDIT)
def test_a_model_that_is_gone(server: Address, backend: Backend, lonely: int) -> None:
    with balancing([backend.url]) as model:
        assert connect(server, lonely, Address(model.url)).status_code == 201
        assert amiss(examined(server), lonely) == []
    found = amiss(examined(server), lonely)
    assert [each[2] for each in found if each[2] != addresses.BANNED] == [backends.RUN, backends.EDIT]


@provokes(backends.PASSWORD)
def test_a_model_that_wants_a_password_by_now(server: Address, lonely: int) -> None:
    with model_that_turns_away() as (url, locked):
        assert connect(server, lonely, Address(url)).status_code == 201
        locked.append(True)
        found = amiss(examined(server), lonely)
    assert backends.PASSWORD in [each[2] for each in found]


@pytest.fixture
def lonely(server: Address) -> Iterator[int]:
    """A project without a model."""
    number = create_project(server, "lonely", CONFIG, [])
    yield number
    deleted(server, f"/api/projects/{number}/")


@contextmanager
def model_that_turns_away() -> Iterator[tuple[str, list[bool]]]:
    """A model's address, and a list: once something is in it, whoever brings no password is turned away."""
    locked: list[bool] = []

    def answer(request: Request) -> Response:
        barred = bool(locked) and request.path != "/health"
        told = {"status": "UP", "model_class": "Anyword", "model_version": "anyword-test"}
        return Response(json.dumps(told), 401 if barred else 200, content_type="application/json")

    with served(answer) as url:
        yield url, locked


# Webhooks


@provokes(webhooks.REPAIR)
def test_a_webhook_that_is_gone_is_told_and_made_again(server: Address, backend: Backend, project: int) -> None:
    [made] = hooks(server, project)
    deleted(server, f"/api/webhooks/{made['id']}/")
    [found] = amiss(examined(server), project)
    assert found[1:] == (
        f"there is none to {backend.url}/webhook; corrections are missed until a sync",
        webhooks.REPAIR,
    )
    assert hooks(server, project) == []
    assert amiss(examined(server, repair=True), project) == []
    [again] = hooks(server, project)
    assert {**again, **{name: made[name] for name in ("id", "created_at", "updated_at")}} == made


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"is_active": False}, "is switched off"),
        ({"send_for_all_actions": False}, "is not sent for all actions"),
        ({"send_payload": False}, "is sent without its content"),
        ({}, "comes without the secret of ANYWORD_WEBHOOK_SECRET"),
    ],
)
def test_a_webhook_that_is_not_as_it_should_be_is_put_right(
    server: Address, project: int, fault: dict[str, bool], what: str
) -> None:
    [made] = hooks(server, project)
    call(server, "PATCH", f"/api/webhooks/{made['id']}/", fault)
    secret = {} if fault else {"ANYWORD_WEBHOOK_SECRET": SECRET}
    [found] = amiss(examined(server, secret), project)
    assert (what in found[1], found[2]) == (True, webhooks.REPAIR)
    assert amiss(examined(server, secret, repair=True), project) == []
    [now] = hooks(server, project)
    assert {**now, "updated_at": "", "headers": {}} == {**made, "updated_at": "", "headers": {}}
    assert amiss(examined(server, secret), project) == []


@provokes(addresses.DOTLESS, webhooks.OPENABLE)
@pytest.mark.parametrize(
    ("address", "remedy"),
    [("http://anyword:9090", addresses.DOTLESS), ("http://any_word.example:9090", webhooks.OPENABLE)],
)
def test_an_address_that_gets_no_webhook(server: Address, project: int, address: str, remedy: str) -> None:
    assert webhook_to(server, project, address) == ("problem", remedy)
    assert not [webhook for webhook in hooks(server, project) if address in webhook["url"]]


def webhook_to(server: Address, project: int, address: str) -> tuple[str, str]:
    """What becomes of a webhook to a model at this address."""
    found = webhooks.examine(Api(server.url, f"Token {server.key}"), project, address, "", repair=True)
    return found.status, found.remedy


# Labelling configs


@provokes(studio.COPY)
def test_a_labelling_config_that_lacks_something(server: Address, project: int) -> None:
    call(server, "PATCH", f"/api/projects/{project}", {"label_config": CONFIG.replace('maxSubmissions="1"', "")})
    [found] = amiss(examined(server), project)
    assert found[::2] == ("warning", 'Add maxSubmissions="1"')
    without = '<View><Image name="image" value="$image"/><TextArea name="prompt" toName="image"/></View>'
    call(server, "PATCH", f"/api/projects/{project}", {"label_config": without})
    assert studio.COPY in [each[2] for each in amiss(examined(server), project)]


# A Label Studio as it is by default


@provokes(addresses.BANNED, addresses.NO_IPV6, webhooks.KNOWN, studio.CONNECT)
def test_a_label_studio_that_refuses_private_addresses(
    server: Address, project: int, folder: Path, tmp_path: Path
) -> None:
    with guarded(folder, server, tmp_path) as careful:
        found = amiss(examined(careful), project)
        assert [each[0] for each in found if each[2] == addresses.BANNED] == ["warning", "problem"]
        assert webhook_to(careful, project, "http://[::1]:9090") == ("problem", addresses.NO_IPV6)
        assert webhook_to(careful, project, "http://unknown.invalid:9090") == ("problem", webhooks.KNOWN)
        personal = str(call(careful, "POST", "/api/token/")["token"])
        call(careful, "POST", "/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": False})
        assert key_of(careful, careful.key) == ("problem", "legacy token, refused with 401", access.LEGACY_OFF)
        opened = {"ANYWORD_LABEL_STUDIO_API_KEY": personal}
        assert amiss(examined(careful, opened), project) == found
        for number in [each["id"] for each in Api(careful.url, bearer(careful, personal)).projects()]:
            headers = {"Authorization": bearer(careful, personal)}
            requests.delete(f"{careful.url}/api/projects/{number}/", headers=headers, timeout=SECONDS)
        assert [each[2] for each in amiss(examined(careful, opened))] == [studio.CONNECT]


def bearer(server: Address, personal: str) -> str:
    answer = requests.post(f"{server.url}/api/token/refresh/", json={"refresh": personal}, timeout=SECONDS)
    return f"Bearer {answer.json()['access']}"

"""`python -m backend connect`: a project that has no model, one whose model is half connected, and refusals."""

import pytest

from backend.__main__ import main
from tests.backend.doctor.clinic import SECRET, Clinic
from tests.backend.webhooks.studio_site import LEGACY

PASSWORD = {"ANYWORD_BASIC_AUTH_USER": "studio", "ANYWORD_BASIC_AUTH_PASSWORD": "right"}


def connect(clinic: Clinic, environ: dict[str, str], *, project: str = "12", key: str = LEGACY) -> int:
    place = ["--url", clinic.site.url, "--api-key", key, "--project", project, "--at", f"{clinic.site.url}/"]
    return main(["connect", *place], environ | {"ANYWORD_WEBHOOK_SECRET": SECRET})


def test_a_project_gets_the_model_with_its_password_and_a_webhook_with_its_secret(
    clinic: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.model.clear()
    clinic.webhooks.clear()
    assert connect(clinic, PASSWORD) == 0
    assert f"ok       project 12, model {clinic.site.url}: connected" in capsys.readouterr().out
    sent = {name: clinic.model[name] for name in ("url", "is_interactive", "auth_method", "basic_auth_pass")}
    assert sent == {
        "url": clinic.site.url,
        "is_interactive": True,
        "auth_method": "BASIC_AUTH",
        "basic_auth_pass": "right",
    }
    assert clinic.webhooks[0]["headers"] == {"X-Anyword-Secret": SECRET}


def test_a_model_that_is_there_is_put_right_and_not_doubled(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.model["is_interactive"] = False
    assert connect(clinic, {}) == 0
    assert "put right" in capsys.readouterr().out
    assert (clinic.model["is_interactive"], clinic.model["auth_method"]) == (True, "NONE")
    assert len(clinic.webhooks) == 1


def test_what_label_studio_refuses_is_told_without_its_links(
    clinic: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect(clinic, PASSWORD | {"ANYWORD_BASIC_AUTH_PASSWORD": "wrong"}) == 2
    told = capsys.readouterr().out
    assert "Label Studio refuses it: Can't connect, Learn more\n         -> See that" in told
    assert "webhook" not in told


def test_a_project_that_is_not_there_is_told(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.site.routes["/api/ml/"] = lambda _: (404, {}, b"")
    assert connect(clinic, {}, project="77") == 2
    assert "project 77, model" in (told := capsys.readouterr().out)
    assert "-> Check the number of the project" in told


def test_a_key_that_does_not_open_is_told(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    assert connect(clinic, {}, key="f" * 40) == 2
    assert "problem  key: legacy token, refused with 401" in capsys.readouterr().out


def test_without_an_address_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "--project", "1", "--at", "http://a.b:9090"], {}) == 2
    assert "Set ANYWORD_LABEL_STUDIO_URL" in capsys.readouterr().err

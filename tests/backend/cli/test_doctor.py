"""`python -m backend doctor`: what it prints, and the status that it ends with."""

import json
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.store.database import Database
from tests.backend.doctor.clinic import SECRET, Clinic
from tests.backend.webhooks.studio_site import LEGACY


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    url = f"sqlite:///{tmp_path / 'anyword.db'}"
    Database(url).close()
    return {"ANYWORD_DATABASE": url, "ANYWORD_DEVICE": "cpu", "ANYWORD_WEBHOOK_SECRET": SECRET}


def test_a_repair_is_told_and_then_all_is_well(
    clinic: Clinic, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["doctor", "--url", clinic.site.url, "--api-key", LEGACY]
    assert main(arguments, environ) == 2
    broken = capsys.readouterr().out
    assert "problem  project 12, webhook: " in broken
    assert "         -> Run `python -m backend doctor --repair`" in broken
    assert main([*arguments, "--repair"], environ) == 0
    assert main([*arguments, "--json"], environ) == 0
    told = capsys.readouterr().out
    findings = json.loads(told[told.index("[\n") :])
    assert findings[0] == {"name": "settings", "status": "ok", "what": "readable, 3 given", "remedy": ""}
    assert {finding["status"] for finding in findings} == {"ok"}
    assert not any(secret in broken + told for secret in (LEGACY, SECRET))


def test_warnings_alone_end_with_1(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"], environ) == 1
    assert "warning  Label Studio: its address is not set" in capsys.readouterr().out


def test_settings_that_cannot_be_read_are_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"], {"ANYWORD_PORT": "many"}) == 2
    [found] = json.loads(capsys.readouterr().out)
    assert (found["name"], found["status"]) == ("settings", "problem")
    assert "ANYWORD_PORT is 'many'" in found["what"]

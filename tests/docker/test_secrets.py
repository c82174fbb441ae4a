"""docker/secrets.sh: one file of secrets, for its owner alone, and never a second one over it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docker.files import FOLDER, example, variables

ASKED = {"LABEL_STUDIO_USERNAME": "you@example.org", "ANYWORD_BASIC_AUTH_USER": "label-studio"}
MADE_UP = (
    *("LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN", "POSTGRES_PASSWORD", "BACKEND_DATABASE_PASSWORD"),
    *("ANYWORD_BASIC_AUTH_PASSWORD", "ANYWORD_WEBHOOK_SECRET"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("secrets.sh", "env.example"):
        shutil.copy(FOLDER / name, tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(folder / "secrets.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_secret_is_another_one_and_nothing_else_changes(folder: Path) -> None:
    done = run(folder, "you@example.org")
    assert done.returncode == 0, done.stderr
    made = {name: value for name, value in variables(folder / ".env").items() if name in MADE_UP}
    assert len(set(made.values())) == len(MADE_UP)
    assert all(len(value) == 40 and set(value) <= set("0123456789abcdef") for value in made.values())
    assert variables(folder / ".env") == {**example(), **ASKED, **made}
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert not any(value in done.stdout + done.stderr for value in made.values())


def test_secrets_that_are_there_stay(folder: Path) -> None:
    (folder / ".env").write_text("POSTGRES_PASSWORD=old\n")
    refused = run(folder, "you@example.org")
    assert (refused.returncode, ".env is there already" in refused.stderr) == (1, True)
    assert variables(folder / ".env") == {"POSTGRES_PASSWORD": "old"}


def test_an_email_is_asked_for(folder: Path) -> None:
    assert run(folder).returncode == 2
    assert not (folder / ".env").exists()

"""Models, device and database of this machine: whole, broken, and missing."""

import sqlite3
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.doctor import database_check, here, models
from backend.doctor.finding import Diagnosis
from backend.settings import Settings
from backend.store.database import Database
from tests.model.adapters.edited import edited, without_some

SETTINGS = Settings()
BACKBONE = models.EMBEDDED / "backbone"


def only(findings: list[Diagnosis], role: str) -> Diagnosis:
    [found] = [finding for finding in findings if finding.name == f"model {role}"]
    return found


def linked(folder: Path) -> Path:
    """The embedded segmenter in a folder of its own, where a test may break it."""
    folder.mkdir()
    for file in (models.EMBEDDED / "segmenter").iterdir():
        (folder / file.name).symlink_to(file)
    return folder


# Models


def test_the_embedded_models_are_there_with_their_sha256() -> None:
    findings = list(models.examine(SETTINGS))
    assert [finding.name for finding in findings] == [
        "model backbone",
        "model segmenter",
        "model parser",
        "model proposer",
    ]
    assert {finding.status for finding in findings} == {"ok"}
    digest = sha256((BACKBONE / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()).hexdigest()
    assert f"unet/diffusion_pytorch_model.safetensors {digest[:12]}" in findings[0].what


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x10" + 40 * b"\0"], ids=["empty", "LFS", "cut"]
)
def test_weights_that_are_not_whole(tmp_path: Path, content: bytes) -> None:
    folder = linked(tmp_path / "sam")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(content)
    found = only(list(models.examine(replace(SETTINGS, segmenter=str(folder)))), "segmenter")
    assert (found.status, "model.safetensors is not whole" in found.what) == ("problem", True)
    assert "download the model again" in found.remedy


def test_weights_that_were_cut_off(tmp_path: Path) -> None:
    folder = linked(tmp_path / "sam")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(content[:-1000])
    assert only(list(models.examine(replace(SETTINGS, segmenter=str(folder)))), "segmenter").status == "problem"


def test_a_folder_without_weights(tmp_path: Path) -> None:
    found = only(list(models.examine(replace(SETTINGS, clip=str(tmp_path)))), "clip")
    assert (found.status, "holds no weights" in found.what) == ("problem", True)


@pytest.mark.parametrize(
    ("role", "name", "status", "remedy"),
    [
        ("backbone", "/nowhere/model", "problem", "Correct ANYWORD_BACKBONE"),
        ("backbone", "nobody/has-this-model", "warning", "downloaded at the first start"),
        ("parser", "en_core_web_nowhere", "problem", "Correct ANYWORD_PARSER"),
        ("lora", "nobody/has-this-adapter", "problem", "Correct ANYWORD_LORA"),
    ],
)
def test_a_model_that_is_not_here(role: str, name: str, status: str, remedy: str) -> None:
    found = only(list(models.examine(replace(SETTINGS, **{role: name}))), role)  # type: ignore[arg-type]
    assert (found.status, found.what) == (status, f"{name} is not on this machine")
    assert remedy in found.remedy


def test_embedded_models_that_did_not_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "EMBEDDED", tmp_path)
    found = only(list(models.examine(SETTINGS)), "parser")
    assert (found.status, found.what, found.remedy) == ("problem", "the embedded model is missing", models.COPY)


def test_a_model_that_does_not_fit_its_weights(tmp_path: Path) -> None:
    edited(folder := linked(tmp_path / "sam"), without_some)
    found = only(list(models.examine(replace(SETTINGS, segmenter=str(folder)))), "segmenter")
    assert (found.status, "2 weights are missing" in found.what) == ("problem", True)
    assert found.remedy.startswith("Copy or download the model again")


def test_an_adapter_that_does_not_fit_the_backbone(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}')
    save_file({"base_model.model.up.lora_A.weight": torch.zeros(2, 4)}, tmp_path / "adapter_model.safetensors")
    found = only(list(models.examine(replace(SETTINGS, lora=str(tmp_path)))), "lora")
    assert (found.status, "does not fit the text encoder" in found.what) == ("problem", True)
    assert found.remedy == "Make one for this backbone with python -m model.tuning."


def test_a_model_of_ones_own_that_fits(tmp_path: Path) -> None:
    found = only(list(models.examine(replace(SETTINGS, segmenter=str(linked(tmp_path / "sam"))))), "segmenter")
    assert (found.status, "SHA-256 model.safetensors" in found.what) == ("ok", True)


# Device


def test_the_device_has_memory_for_the_models() -> None:
    found = here.device(replace(SETTINGS, device="cpu"), 30_000_000)
    assert (found.status, found.what.startswith("cpu, ")) == ("ok", True)


def test_a_device_with_too_little_memory() -> None:
    found = here.device(replace(SETTINGS, device="cpu"), 10**15)
    assert (found.status, "ANYWORD_DTYPE" in found.remedy) == ("warning", True)
    assert "the models may need 2000001.0" in found.what


def test_a_device_that_is_none() -> None:
    found = here.device(replace(SETTINGS, device="abacus"), 0)
    assert (found.status, "ANYWORD_DEVICE" in found.remedy) == ("problem", True)


# Database


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database as the server makes it."""
    url = f"sqlite:///{tmp_path / 'anyword.db'}"
    Database(url).close()
    return url


def test_a_database_as_the_server_made_it(url: str) -> None:
    found = database_check.examine(url)
    assert (found.status, found.what) == ("ok", f"{url} is migrated and writable")


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = database_check.examine(f"sqlite:///{tmp_path / 'other.db'}")
    assert (found.status, "server's folder" in found.remedy) == ("warning", True)
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_an_old_form_is_left_to_the_server(tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    sqlite3.connect(file).close()
    file.touch()
    found = database_check.examine(f"sqlite:///{file}")
    assert (found.status, "Start the backend once" in found.remedy) == ("warning", True)
    assert file.stat().st_size == 0


def test_a_database_of_a_newer_version(url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE anyword_migrations SET version_num = 'r9999'")
    connection.close()
    found = database_check.examine(url)
    assert (found.status, "newer version" in found.what) == ("problem", True)


def test_a_locked_database(url: str) -> None:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    found = database_check.examine(url)
    connection.close()
    assert (found.status, "is locked by somebody else" in found.what) == ("problem", True)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("nonsense", "is no database URL"),
        ("mysql://a/b", "'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:////nowhere/anyword.db", "its folder is not there"),
        ("postgresql://anna:word-0123@127.0.0.1:9/x", "see whether its server runs"),
    ],
)
def test_a_database_that_cannot_be_used(url: str, what: str) -> None:
    found = database_check.examine(url)
    assert (found.status, what in found.what) == ("problem", True)
    assert "ANYWORD_DATABASE" in found.remedy
    assert "word-0123" not in str(found)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database" * 100)
    found = database_check.examine(f"sqlite:///{tmp_path / 'notes.db'}")
    assert (found.status, "is no SQLite database" in found.what) == ("problem", True)

"""The model version changes with what changes pre-annotations, and with nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import __version__
from backend.inference.active_revision import ActiveRevisions
from backend.inference.model_version import VersionNaming, lesson_models, model_version, same_models
from backend.learning.lesson_codec import Learned, encode
from backend.observability.metrics import Metrics
from backend.page.journal import Journal
from backend.settings import Settings
from backend.store import projects, revisions
from backend.store.database import Database
from backend.store.projects import Project
from backend.store.revisions import Draft
from model.loading import WEIGHTS
from model.types import Lesson
from tests.backend import calls
from tests.backend.clients import SETTINGS, client_of, opened, results, version_of
from tests.backend.colour_engine import ColourEngine
from tests.model.adapters.edited import linked

Edit = Callable[[Path], object]


def copied(folder: Path, role: str = "backbone") -> Path:
    """A copy of an embedded model, its files as links."""
    return linked(WEIGHTS / role, folder)


def version(folder: Path, role: str = "backbone") -> str:
    return model_version(replace(SETTINGS, **{role: str(folder)}))  # type: ignore[arg-type]


def flip(file: Path, at: int = -1) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.unlink()  # which may be a link
    file.write_bytes(content)


# Checkpoints


def test_a_name_keeps_its_dots(tmp_path: Path) -> None:
    older, newer = (version(copied(tmp_path / name)) for name in ("sd-2.0", "sd-2.1"))
    assert older.startswith(f"anyword-{__version__}-sd-2.0-")
    assert newer.startswith(f"anyword-{__version__}-sd-2.1-")


@pytest.mark.parametrize(
    "edit",
    [
        lambda folder: flip(folder / "unet" / "diffusion_pytorch_model.safetensors"),
        lambda folder: flip(folder / "vae" / "diffusion_pytorch_model.safetensors"),
        lambda folder: flip(folder / "text_encoder" / "model.safetensors"),
        lambda folder: (folder / "anyword.json").unlink(),
        lambda folder: flip(folder / "scheduler" / "scheduler_config.json"),
        lambda folder: flip(folder / "tokenizer" / "tokenizer.json"),
        lambda folder: (folder / "unet" / "config.json").unlink(),
    ],
    ids=["unet", "vae", "text encoder", "profile", "scheduler", "tokenizer", "configuration"],
)
def test_two_checkpoints_of_one_name_are_told_apart(edit: Edit, tmp_path: Path) -> None:
    one, other = copied(tmp_path / "here" / "sd"), copied(tmp_path / "there" / "sd")
    assert version(one) == version(other)  # a copy, as another replica has it
    edit(other)
    assert version(one) != version(other)


@pytest.mark.parametrize(
    "edit",
    [
        lambda folder: (folder / "README.md").write_text("about it"),
        lambda folder: (folder / ".cache").mkdir(),
        lambda folder: (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"the other variant"),
        lambda folder: (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"the other format"),
        lambda folder: (folder / "v2-1_768-ema-pruned.ckpt").write_bytes(b"the original"),
    ],
    ids=["readme", "cache", "variant", "format", "original"],
)
def test_what_the_models_do_not_read_makes_no_other_version(edit: Edit, tmp_path: Path) -> None:
    folder = copied(tmp_path / "sd")
    before = version(folder)
    edit(folder)
    assert version(folder) == before


@pytest.mark.parametrize(("role", "file"), [("segmenter", "model.safetensors"), ("proposer", "config.json")])
def test_every_model_counts(role: str, file: str, tmp_path: Path) -> None:
    folder = copied(tmp_path / "one", role)
    before = version(folder, role)
    flip(folder / file)
    assert version(folder, role) != before


def test_a_parser_counts_with_all_its_files(tmp_path: Path) -> None:
    folder = copied(tmp_path / "parser", "parser")
    before = version(folder, "parser")
    (folder / "__pycache__").mkdir()
    assert version(folder, "parser") == before
    flip(folder / "tok2vec" / "model")
    assert version(folder, "parser") != before


def test_an_adapter_counts(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"one")
    before = version(tmp_path, "lora")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"two")
    assert version(tmp_path, "lora") != before


def test_a_file_counts_by_its_contents(tmp_path: Path) -> None:
    file = tmp_path / "sam_vit_b.pth"
    file.write_bytes(b"one")
    before = version(file, "segmenter")
    assert before.startswith(f"anyword-{__version__}-sam_vit_b-")
    file.write_bytes(b"two")
    assert version(file, "segmenter") != before


def test_hub_names_count_whole() -> None:
    one, other, again = (replace(SETTINGS, backbone=f"{owner}/sd-2.1") for owner in ("ann", "ben", "ann"))
    assert model_version(one) != model_version(other)
    assert model_version(one) == model_version(again)


def test_a_model_in_another_role_is_another_version() -> None:
    assert model_version(replace(SETTINGS, clip="a/b")) != model_version(replace(SETTINGS, proposer="a/b"))


# Settings


@pytest.mark.parametrize(
    "change",
    [{"separate_regions": False}, {"dtype": "bfloat16"}, {"preset_batch": "accurate"}, {"preset_batch": "fast"}],
)
def test_settings_that_change_pre_annotations_make_another_version(change: dict[str, Any]) -> None:
    assert model_version(replace(SETTINGS, **change)) != model_version(SETTINGS)


@pytest.mark.parametrize(
    "change", [{"device": "cpu"}, {"port": 1}, {"preset_interactive": "accurate"}, {"cache_mb": 1}]
)
def test_other_settings_make_none(change: dict[str, Any]) -> None:
    assert model_version(replace(SETTINGS, **change)) == model_version(SETTINGS)


# Labels

PLAIN = """<View><Image name="image" value="$image"/><Labels name="label" toName="image">
<Label value="Cat" predicted_values="tabby"/><Label value="Dog"/></Labels>
<Brush name="mask" toName="image" smart="false"/></View>"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<Label value="Dog"/>', '<Label value="Dog"/><Label value="Cow"/>'),
        ('<Label value="Dog"/>', ""),
        ('value="Dog"', 'value="Hound"'),
        ('value="Dog"', 'value="dog"'),
        ('value="Dog"', 'value="Dog" alias="d"'),
        ("tabby", "tabby,kitten"),
        (' predicted_values="tabby"', ""),
        ("<Brush", "<Bitmask"),
        ('name="mask"', 'name="masks"'),
        ('value="$image"', 'value="$photo"'),
    ],
)
def test_labels_and_what_takes_the_masks_make_another_version(before: str, after: str) -> None:
    assert version_of(PLAIN.replace(before, after)) != version_of(PLAIN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n", "\n\n   "),
        ('value="Dog"', 'value="Dog" background="#ff0000" hotkey="d"'),
        ('value="Dog"', "value='Dog'"),
        ("<Label value", "<!-- a label --><Label value"),
        ('"tabby"', '" tabby , "'),
        ("</View>", '<KeyPoint name="point" toName="image" smart="true"/></View>'),
        ("<View>", '<View><Header value="Draw"/>'),
    ],
)
def test_the_rest_of_the_labelling_config_makes_none(before: str, after: str) -> None:
    assert PLAIN.replace(before, after) != PLAIN
    assert version_of(PLAIN.replace(before, after)) == version_of(PLAIN)


def test_setup_predictions_and_events_agree_whatever_the_blanks() -> None:
    client = client_of(ColourEngine())
    setup = client.post("/setup", json={"project": "1.1", "schema": calls.BITMASK})
    spaced = calls.BITMASK.replace("\n", "\n\n ").replace("/>", " />")
    asked: list[Any] = [None, calls.text("red"), {"result": []}, {"event": "capabilities"}, {"event": "release"}]
    named = {
        prediction["model_version"]
        for context in asked
        for prediction in results(client.post("/predict", json=calls.predict([calls.task()], spaced, context)))
    }
    assert named == {setup.get_json()["model_version"]}


def test_a_new_label_is_another_version_at_once() -> None:
    client = client_of(ColourEngine())
    more = calls.BITMASK.replace("</Labels>", '<Label value="Green thing"/></Labels>')
    told = [client.post("/setup", json={"project": "1.1", "schema": xml}).get_json() for xml in (calls.BITMASK, more)]
    assert told[0] != told[1]


def test_versions_lists_each_project_as_it_is_labelled(tmp_path: Path) -> None:
    settings = replace(SETTINGS, database=f"sqlite:///{tmp_path}/versions.db")
    client = opened(settings, load=ColourEngine).test_client()
    for number, xml in enumerate((calls.BITMASK, calls.BRUSH), 1):
        client.post("/setup", json={"project": f"{number}.1763650000", "schema": xml})
    database = Database(settings.database)
    with database.writing() as connection:
        revisions.adopt(connection, "2.1763650000", Draft("a test", {}, encode(Learned("", {}))), 0)
        projects.see(connection, Project("3.1763650000", label_config="<View/>"))
    database.close()
    versions = client.get("/versions").get_json()["versions"]
    assert versions[0] == version_of(calls.BRUSH, 1)
    assert {version_of(calls.BITMASK), version_of(calls.BRUSH), model_version(SETTINGS)} == set(versions[1:])
    assert len(versions) == 4


# Lessons


def test_lessons_of_another_checkpoint_of_the_same_name_are_not_used(tmp_path: Path) -> None:
    one, other = copied(tmp_path / "here" / "sd"), copied(tmp_path / "there" / "sd")
    flip(other / "unet" / "diffusion_pytorch_model.safetensors")
    learned, served = (lesson_models(Settings(backbone=str(folder))) for folder in (one, other))
    assert same_models(learned, learned)
    assert not same_models(learned, served)


def test_lessons_of_an_older_database_are_used(tmp_path: Path) -> None:
    models = lesson_models(Settings(backbone=str(copied(tmp_path / "sd")), clip="ann/clip"))
    older = (
        "Diffusion model: sd, Segmenter: embedded 0.1.0, Parser: embedded 0.1.0, Proposer: embedded 0.1.0, CLIP: clip"
    )
    assert same_models(older, models)
    assert not same_models(older.replace(": sd", ": sd2"), models)


def test_a_revision_of_an_older_database_answers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/older.db")
    models = lesson_models(Settings(backbone=str(copied(tmp_path / "sd"))))
    older = models.replace(models[models.index(" (") : models.index(")") + 1], "")
    lessons = {"star": Lesson("first", phrases=("glorp",))}
    with database.writing() as connection:
        revisions.adopt(connection, "7.1", Draft("a test", {}, encode(Learned(older, lessons))), 0)
    metrics = Metrics(lambda: 0)
    found = ActiveRevisions(database, VersionNaming("base", models), metrics.revisions_unknown, Journal()).in_force(
        "7.1"
    )
    database.close()
    assert older != models
    assert (found.version, list(found.lessons)) == ("base-r1", ["star"])

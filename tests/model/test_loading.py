import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.adapters.sam.segmenter import SamSegmenter
from model.embedded import scenes
from model.engine import Engine
from model.errors import Busy, Misconfigured
from model.evaluation.scenarios.questions import click
from model.loading import WEIGHTS, EnginePaths, check, load_engine, load_engines
from model.types import Answer, Box, Clause, Hint, Query
from tests.model.adapters.edited import edited, linked, without_some

SCENE = scenes.draw(3_400_000, 256)
POINTED = (Hint((click(SCENE.objects[-1].mask),)), Hint(box=Box(20, 30, 150, 170)))


def pointed(engine: Engine, preset: str = "fast") -> Answer:
    return engine.segment(SCENE.image, Query(hints=POINTED, preset=preset))


def copied(folder: Path, change: Callable[[dict[str, Any]], object]) -> EnginePaths:
    """The embedded backbone with another profile."""
    shutil.copytree(WEIGHTS / "backbone", folder)
    profile = json.loads((folder / "anyword.json").read_text())
    change(profile)
    (folder / "anyword.json").write_text(json.dumps(profile))
    return EnginePaths(backbone=str(folder))


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (EnginePaths(device="warp"), "device warp: use cpu"),
        (EnginePaths(device="meta"), "device meta: cannot compute here"),
        (EnginePaths(dtype="int8"), "dtype int8: use one of float32"),
        (EnginePaths(segmenter="nowhere/at/all"), "No SAM model at 'nowhere/at/all'"),
        (EnginePaths(parser="no_such_pipeline"), "No spaCy pipeline called 'no_such_pipeline'"),
    ],
)
def test_wrong_settings_say_what_to_do(paths: EnginePaths, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        load_engine(paths)


def test_a_folder_that_is_no_pipeline_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    with pytest.raises(Misconfigured, match="no vae, text_encoder, tokenizer, scheduler in it"):
        load_engine(EnginePaths(backbone=str(tmp_path)))


def test_a_broken_profile_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backbone"
    shutil.copytree(WEIGHTS / "backbone", folder)
    (folder / "anyword.json").write_text('{"heads": 1}')
    with pytest.raises(Misconfigured, match="is not a profile"):
        load_engine(EnginePaths(backbone=str(folder)))


def test_a_checkpoint_without_a_profile_has_no_presence_threshold(tmp_path: Path) -> None:
    folder = tmp_path / "backbone"
    shutil.copytree(WEIGHTS / "backbone", folder)
    (folder / "anyword.json").unlink()
    assert load_engine(EnginePaths(backbone=str(folder))).config.selection.presence == 0


# First the engine that can be clicked


@pytest.mark.parametrize("preset", ["fast", "balanced", "accurate"])
def test_a_click_is_answered_alike_before_and_after_the_other_models_are_there(preset: str) -> None:
    first, whole = load_engines(EnginePaths())
    before, after = pointed(first, preset), pointed(whole, preset)
    assert len(before.segments) == 2
    for one, other in zip(before.segments, after.segments, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert (one.score, one.hint) == (other.score, other.hint)


def test_what_a_profile_says_about_clicks_counts_before_the_backbone_is_there(tmp_path: Path) -> None:
    paths = copied(tmp_path / "backbone", lambda profile: profile["constants"]["selection"].update(snapping=0.0))
    first, whole = load_engines(paths)
    before, after, plain = (pointed(each).segments[0].mask for each in (first, whole, load_engine(EnginePaths())))
    assert np.array_equal(before, after)
    assert not np.array_equal(before, plain)


def test_a_picture_that_was_clicked_early_is_encoded_once() -> None:
    first, whole = load_engines(EnginePaths())
    segmenter, encodings = whole.models.segmenter, list[object]()
    assert isinstance(segmenter, SamSegmenter)
    segmenter.model.vision_encoder.register_forward_hook(lambda *given: encodings.append(given[0]))
    pointed(first)
    pointed(whole)
    assert len(encodings) == 1


def test_the_first_engine_has_no_answer_to_a_text() -> None:
    first = next(load_engines(EnginePaths()))
    with pytest.raises(Busy, match="still loading"):
        first.segment(SCENE.image, Query((Clause("the dog"),)))


def test_where_clicks_look_at_the_backbone_they_wait_for_it(tmp_path: Path) -> None:
    paths = copied(tmp_path / "backbone", lambda profile: profile["constants"]["selection"].update(hint_agreement=0.3))
    (whole,) = load_engines(paths)
    assert len(pointed(whole).segments) == 2


def test_a_wrong_backbone_is_told_before_anything_is_answered() -> None:
    with pytest.raises(Misconfigured, match="neither a folder here nor"):
        next(load_engines(EnginePaths(backbone="nowhere/at/all")))


@pytest.mark.parametrize(
    ("own", "dtype"), [("float32", torch.bfloat16), ("bfloat16", torch.bfloat16), ("float16", torch.float16)]
)
def test_a_click_is_answered_alike_while_a_model_of_another_type_is_built(own: str, dtype: torch.dtype) -> None:
    """The libraries change torch's default type for as long as they build a model, and for all threads."""
    first = next(load_engines(EnginePaths(dtype=own)))
    before = pointed(Engine(first.models, first.config))
    torch.set_default_dtype(dtype)
    try:
        during = pointed(Engine(first.models, first.config))
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(
        np.array_equal(one.mask, other.mask) for one, other in zip(before.segments, during.segments, strict=True)
    )


def test_what_can_be_clicked_comes_without_the_libraries_of_texts() -> None:
    program = (
        "import sys; from model.loading import EnginePaths, load_engines; next(load_engines(EnginePaths())); "
        "print(sorted({'diffusers', 'spacy', 'torchvision'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What the doctor asks


@pytest.mark.parametrize("role", ["backbone", "segmenter", "proposer", "parser"])
def test_the_embedded_models_can_be_used(role: str) -> None:
    check(role, EnginePaths())


def test_checking_tells_what_loading_tells(tmp_path: Path) -> None:
    folder = linked(WEIGHTS / "segmenter", tmp_path / "sam")
    edited(folder, without_some)
    told = []
    for refuse in (check, lambda _, paths: load_engine(paths)):
        with pytest.raises(Misconfigured, match="2 weights are missing") as refused:
            refuse("segmenter", EnginePaths(segmenter=str(folder)))
        told.append(str(refused.value))
    assert told[0] == told[1]


def test_a_parser_of_another_version_is_told_in_one_line(tmp_path: Path) -> None:
    folder = linked(WEIGHTS / "parser", tmp_path / "parser")
    (folder / "tagger" / "model").unlink()
    (folder / "tagger" / "model").write_bytes(b"another version's")
    with pytest.raises(Misconfigured, match=r"cannot be loaded \(.*install it again") as refused:
        check("parser", EnginePaths(parser=str(folder)))
    assert "\n" not in str(refused.value)

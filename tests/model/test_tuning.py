"""LoRA on the embedded text encoder: learned, written, loaded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.adapters.diffusers_backbone import DiffusersBackbone, load_backbone
from model.embedded import scenes
from model.errors import Misconfigured
from model.load import WEIGHTS
from model.tuning import Recipe, pairs_in, tune


def fresh() -> DiffusersBackbone:
    """The embedded backbone without an adapter."""
    return load_backbone(str(WEIGHTS / "backbone"), torch.device("cpu"), torch.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scene = scenes.draw(3_000_010, 128)
    Image.fromarray(scene.image).save(tmp_path / "one.png")
    (tmp_path / "captions.json").write_text(json.dumps({"one.png": "a red circle on the grass"}))
    return tmp_path


def test_a_dark_picture_is_learned_from_as_the_models_see_it(folder: Path) -> None:
    ((bright, _),) = pairs_in(folder)
    Image.fromarray(bright // 10).save(folder / "one.png")
    ((found, _),) = pairs_in(folder)
    assert np.ptp(found) > 200


def test_an_adapter_is_learned_written_and_loaded(folder: Path) -> None:
    tuned, plain = fresh(), fresh()
    before = plain.embed(plain.tokenize("a red circle"))
    losses = tune(tuned, pairs_in(folder), Recipe(steps=3, rate=1e-2, batch=2), folder / "lora")
    assert len(losses) == 3
    learned = tuned.embed(tuned.tokenize("a red circle"))
    assert (learned - before).abs().max() > 0.01
    plain.adapt(folder / "lora")
    assert torch.allclose(plain.embed(plain.tokenize("a red circle")), learned, atol=1e-5)
    assert plain.name == "backbone+lora"
    assert not any(weight.requires_grad for weight in plain.text_encoder.parameters())


def test_only_the_adapter_is_learned(folder: Path) -> None:
    backbone = fresh()
    table = backbone.text_encoder.get_input_embeddings().weight.clone()
    tune(backbone, pairs_in(folder), Recipe(steps=1, rate=1e-2, batch=2), folder / "lora")
    assert torch.equal(backbone.text_encoder.get_input_embeddings().weight, table)
    assert sum(file.stat().st_size for file in (folder / "lora").iterdir()) < 500_000


def test_a_folder_without_an_adapter_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no adapter_config\.json in it"):
        fresh().adapt(tmp_path)


def test_captions_that_name_missing_pictures_are_told(folder: Path) -> None:
    (folder / "captions.json").write_text(json.dumps({"two.png": "a star"}))
    with pytest.raises(Misconfigured, match=r"names two\.png, which is not there"):
        pairs_in(folder)


def test_a_folder_without_captions_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"no captions\.json in it"):
        pairs_in(tmp_path)

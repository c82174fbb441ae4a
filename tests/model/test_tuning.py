"""LoRA on the embedded text encoder: learned, written, loaded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig
from PIL import Image

from model.adapters.diffusers.backbone import DiffusersBackbone, load_backbone
from model.embedded import scenes
from model.errors import Misconfigured
from model.loading import WEIGHTS
from model.tuning import LoraRecipe, pairs_in, tune
from tests.model.adapters.edited import Edit, Weights, edited, linked, with_another_shape, without_some


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
    losses = tune(tuned, pairs_in(folder), LoraRecipe(steps=3, rate=1e-2, batch=2), folder / "lora")
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
    tune(backbone, pairs_in(folder), LoraRecipe(steps=1, rate=1e-2, batch=2), folder / "lora")
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


# Adapters that do not fit


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of two layers that fits."""
    folder, backbone = tmp_path_factory.mktemp("tuning") / "lora", fresh()
    backbone.text_encoder.add_adapter(LoraConfig(r=2, target_modules=["q_proj", "k_proj"]))
    backbone.text_encoder.save_pretrained(folder)
    return folder


def renamed(weights: Weights) -> Weights:
    return {name.replace("encoder.layers", "encoder.blocks"): tensor for name, tensor in weights.items()}


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (renamed, "8 weights are missing .*, 8 weights are unknown"),
        (without_some, "2 weights are missing"),
        (with_another_shape, "1 weight is of another shape"),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_adapter_that_does_not_fit_is_refused(
    adapter: Path, edit: Edit, said: str, device: str, tmp_path: Path
) -> None:
    edited(linked(adapter, tmp_path / "lora"), edit)
    backbone = load_backbone(str(WEIGHTS / "backbone"), torch.device(device), torch.float32)
    with pytest.raises(Misconfigured, match=f"lora does not fit the text encoder of backbone: {said}.*model.tuning"):
        backbone.adapt(tmp_path / "lora")


def test_an_adapter_for_layers_that_are_not_there_is_refused(adapter: Path, tmp_path: Path) -> None:
    folder = linked(adapter, tmp_path / "lora")
    settings = json.loads((folder / "adapter_config.json").read_text()) | {"target_modules": ["to_q", "to_k"]}
    (folder / "adapter_config.json").unlink()
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(Misconfigured, match=r"does not fit the text encoder of backbone \(.+\); make one"):
        fresh().adapt(folder)


def test_an_adapter_without_weights_is_refused(adapter: Path, tmp_path: Path) -> None:
    (linked(adapter, tmp_path / "lora") / "adapter_model.safetensors").unlink()
    with pytest.raises(Misconfigured, match="make one for this backbone"):
        fresh().adapt(tmp_path / "lora")

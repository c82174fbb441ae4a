"""Weights that do not fit their model, with small real models of both libraries."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, SamModel

from model.adapters.check_weights import TEXT_ENCODER, ModelKind, fitted
from model.adapters.weight_files import chosen, variant_of
from model.errors import Misconfigured
from model.loading import WEIGHTS
from tests.model.adapters.edited import Edit, edited, linked, with_another_shape, with_others, without_some

WORDS = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SIGHT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32}
PLACES = ("cpu", "meta")


def unet() -> UNet2DConditionModel:
    blocks = {"down_block_types": ("CrossAttnDownBlock2D",), "up_block_types": ("CrossAttnUpBlock2D",)}
    sizes = {"block_out_channels": (8,), "norm_num_groups": 4, "layers_per_block": 1}
    return UNet2DConditionModel(8, cross_attention_dim=16, attention_head_dim=2, **blocks, **sizes)


def models() -> dict[str, Any]:
    return {
        "text": CLIPTextModel(CLIPTextConfig(**WORDS)),
        "unet": unet(),
        "vae": AutoencoderKL(block_out_channels=(8,), norm_num_groups=4),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    """By name a kind of model and a folder with one, of all kinds that are loaded."""
    folder = tmp_path_factory.mktemp("fitting")
    for name, model in models().items():
        model.save_pretrained(folder / name)
    made = {name: (type(model), folder / name) for name, model in models().items()}
    return made | {"sam": (SamModel, WEIGHTS / "segmenter")}


KINDS = ("text", "unet", "vae", "sam")


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_checkpoint_fits(saved: dict[str, tuple[Any, Path]], kind: str, device: str) -> None:
    made, folder = saved[kind]
    assert {weight.device.type for weight in fitted(ModelKind(made), folder, device).parameters()} == {device}


@pytest.mark.parametrize("where", [(kind, device) for kind in KINDS for device in PLACES], ids="-".join)
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (without_some, "2 weights are missing"),
        (with_others, r"1 weight is unknown \(extra\.layers\.7\.weight\)"),
        (with_another_shape, "1 weight is of another shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    saved: dict[str, tuple[Any, Path]], where: tuple[str, str], edit: Edit, said: str, tmp_path: Path
) -> None:
    made, folder = saved[where[0]]
    edited(linked(folder, tmp_path / "edited"), edit)
    with pytest.raises(Misconfigured, match=f"{said}.*; copy or download"):
        fitted(ModelKind(made), tmp_path / "edited", where[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edit", [without_some, with_another_shape])
def test_one_line_says_what_does_not_fit(
    saved: dict[str, tuple[Any, Path]], kind: str, edit: Edit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made, folder = saved[kind]
    edited(linked(folder, tmp_path / "edited"), edit)
    transformers.utils.logging.disable_progress_bar()
    capfd.readouterr()
    with pytest.raises(Misconfigured) as refused:
        fitted(ModelKind(made), tmp_path / "edited", "cpu")
    transformers.utils.logging.enable_progress_bar()
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_the_libraries_speak_again_afterwards(saved: dict[str, tuple[Any, Path]]) -> None:
    before = [logging.getLogger(name).level for name in ("transformers", "diffusers")]
    made, folder = saved["text"]
    fitted(ModelKind(made), folder, "cpu")
    assert [logging.getLogger(name).level for name in ("transformers", "diffusers")] == before


def test_numbers_of_positions_that_older_text_encoders_stored_are_ignored(
    saved: dict[str, tuple[Any, Path]], tmp_path: Path
) -> None:
    made, folder = saved["text"]
    old = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    edited(
        linked(folder, tmp_path / "old"),
        lambda weights: {f"text_model.{name}": weights[name] for name in weights} | old,
    )
    for device in PLACES:
        fitted(ModelKind(made), tmp_path / "old", device)


def test_a_text_encoder_may_lie_in_a_whole_clip(tmp_path: Path) -> None:
    CLIPModel(CLIPConfig(text_config=WORDS, vision_config=SIGHT, projection_dim=8)).save_pretrained(tmp_path)
    fitted(TEXT_ENCODER, tmp_path, "cpu")
    with pytest.raises(Misconfigured, match="unknown"):
        fitted(ModelKind(CLIPTextModel), tmp_path, "cpu")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_be_read_is_told_in_one_line(
    saved: dict[str, tuple[Any, Path]], kind: str, tmp_path: Path
) -> None:
    made, folder = saved[kind]
    [file] = linked(folder, tmp_path / "cut").glob("*.safetensors")
    file.unlink()
    file.write_bytes(b"no weights" * 10)
    with pytest.raises(Misconfigured, match=r"^'.*cut' cannot be loaded \(.+\); copy or download"):
        fitted(ModelKind(made), tmp_path / "cut", "cpu")


# Variants


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_loaded_where_it_is_all_there_is(
    saved: dict[str, tuple[Any, Path]], kind: str, tmp_path: Path
) -> None:
    made, folder = saved[kind]
    [file] = linked(folder, tmp_path / "half").glob("*.safetensors")
    edited(tmp_path / "half", lambda weights: {name: weights[name].half() for name in weights})
    file.rename(file.with_suffix(".fp16.safetensors"))
    (loaded,) = {weight.dtype for weight in fitted(ModelKind(made), tmp_path / "half", "cpu").parameters()}
    assert loaded is torch.float32


@pytest.mark.parametrize(
    ("names", "variant", "files"),
    [
        (["model.safetensors"], None, ["model.safetensors"]),
        (["model.fp16.safetensors", "model.safetensors"], None, ["model.safetensors"]),
        (["model.fp16.safetensors", "model.ema.safetensors"], "fp16", ["model.fp16.safetensors"]),
        (["diffusion_pytorch_model.non_ema.safetensors"], "non_ema", ["diffusion_pytorch_model.non_ema.safetensors"]),
        (["model.fp16-00001-of-00002.safetensors"], "fp16", ["model.fp16-00001-of-00002.safetensors"]),
        (["model-00001-of-00002.fp16.safetensors"], "fp16", ["model-00001-of-00002.fp16.safetensors"]),
        (["model-00001-of-00002.safetensors"], None, ["model-00001-of-00002.safetensors"]),
        (["pytorch_model.bin", "model.safetensors"], None, ["model.safetensors"]),
        (["pytorch_model.bin", "model.fp16.safetensors"], None, ["pytorch_model.bin"]),
        (["config.json", "notes.safetensors"], None, []),
    ],
)
def test_which_weights_of_a_folder_are_loaded(
    names: list[str], variant: str | None, files: list[str], tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert variant_of(tmp_path) == variant
    assert [file.name for file in chosen(tmp_path)] == files


def test_a_hub_name_has_plain_weights() -> None:
    assert variant_of(Path("facebook/sam-vit-base")) is None

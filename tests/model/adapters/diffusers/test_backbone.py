"""The embedded Stable Diffusion folder as a backbone: what inversion needs of it."""

from pathlib import Path

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from model.adapters.diffusers.attention_tap import layers_of
from model.adapters.diffusers.backbone import DiffusersBackbone, load_backbone
from model.errors import Misconfigured
from model.loading import WEIGHTS
from tests.model.adapters.edited import Edit, edited, linked, with_others, without_some


@pytest.fixture(scope="module")
def backbone() -> DiffusersBackbone:
    return load_backbone(str(WEIGHTS / "backbone"), torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    return torch.randn((1, 8, 16, 16), generator=torch.Generator().manual_seed(0))


def test_a_texts_own_token_embeddings_give_its_own_outputs(backbone: DiffusersBackbone) -> None:
    tokens = backbone.tokenize("a red circle")
    assert torch.allclose(backbone.embed(tokens, backbone.inputs(tokens)), backbone.embed(tokens), atol=1e-6)


def test_token_embeddings_are_swapped_for_one_call_only(backbone: DiffusersBackbone) -> None:
    tokens = backbone.tokenize("a red circle")
    before = backbone.embed(tokens)
    assert not torch.allclose(backbone.embed(tokens, backbone.inputs(tokens).flip(1)), before, atol=0.1)
    assert torch.equal(backbone.embed(tokens), before)


def test_the_loss_reaches_token_embeddings_and_no_weight(backbone: DiffusersBackbone, latents: torch.Tensor) -> None:
    tokens = backbone.tokenize("a red circle")
    inputs = backbone.inputs(tokens).requires_grad_()
    backbone.denoise(latents, torch.tensor([300]), backbone.embed(tokens, inputs)).square().mean().backward()
    assert inputs.grad is not None
    assert inputs.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in backbone.unet.parameters())


def test_attention_is_differentiable_where_the_embeddings_are(
    backbone: DiffusersBackbone, latents: torch.Tensor
) -> None:
    embeddings = backbone.embed(backbone.tokenize("a red circle")).requires_grad_()
    backbone.attend(latents, embeddings[None])[0].cross[-1][2].sum().backward()
    assert embeddings.grad is not None
    assert embeddings.grad.abs().sum() > 0


def test_a_glance_at_several_texts_reads_what_attention_to_each_reads(
    backbone: DiffusersBackbone, latents: torch.Tensor
) -> None:
    embeddings = torch.stack([backbone.embed(backbone.tokenize(text)) for text in ("a red circle", "a dog")])
    for draw in range(2):
        for each, levels in zip(embeddings, backbone.glance(latents, embeddings, draw), strict=True):
            (attention,) = backbone.attend(latents, each[None], draw)
            for level, expected in zip(levels, attention.cross, strict=True):
                assert torch.allclose(level, expected, atol=1e-5)


def test_texts_about_pictures_of_their_own_share_a_pass(backbone: DiffusersBackbone, latents: torch.Tensor) -> None:
    texts = torch.stack([backbone.embed(backbone.tokenize(text)) for text in ("a red circle", "a dog")])
    pictures = torch.cat([latents, latents.flip(3)])
    together = backbone.attend(pictures, texts, 1)
    for attention, picture, text in zip(together, pictures, texts, strict=True):
        (alone,) = backbone.attend(picture[None], text[None], 1)
        for ours, expected in zip((*attention.cross, attention.among), (*alone.cross, alone.among), strict=True):
            assert torch.allclose(ours, expected, atol=1e-5)
        held = [each.untyped_storage().nbytes() for each in (*attention.cross, attention.among)]
        own = [*(each.nbytes for each in attention.cross), attention.among.nbytes + attention.broad.nbytes]
        assert held == own  # the other picture's can be freed
    assert not torch.allclose(together[0].among, together[1].among, atol=1e-3)


def test_watching_sees_the_noise_that_denoising_sees(backbone: DiffusersBackbone, latents: torch.Tensor) -> None:
    embeddings = backbone.embed(backbone.tokenize("a red circle"))
    noise, attention = backbone.watch(latents, 300, embeddings)
    assert torch.allclose(noise, backbone.denoise(latents, torch.tensor([300]), embeddings), atol=1e-5)
    assert torch.allclose(attention.among.sum(1), torch.ones(256), atol=1e-4)


def test_velocities_become_noise(latents: torch.Tensor) -> None:
    backbone = load_backbone(str(WEIGHTS / "backbone"), torch.device("cpu"), torch.float32)
    embeddings, when = backbone.embed(backbone.tokenize("")), torch.tensor([500])
    velocity = backbone.denoise(latents, when, embeddings)
    backbone.scheduler.register_to_config(prediction_type="v_prediction")
    kept = float(backbone.alphas[500])
    clean = kept**0.5 * latents - (1 - kept) ** 0.5 * velocity  # the picture that this velocity speaks of
    noise = backbone.denoise(latents, when, embeddings)
    assert torch.allclose(kept**0.5 * clean + (1 - kept) ** 0.5 * noise, latents, atol=1e-4)


def test_reading_the_decoder_alone_leaves_the_encoder_out(backbone: DiffusersBackbone) -> None:
    both, decoder = layers_of(backbone.unet), layers_of(backbone.unet, decoder_only=True)
    assert any(name.startswith("down_blocks") for name in both.names)
    assert all(name.startswith("up_blocks") for name in decoder.names)
    assert set(decoder.names) < set(both.names)


def test_a_folder_that_is_no_pipeline_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no unet, vae, text_encoder, tokenizer, scheduler in it"):
        load_backbone(str(tmp_path), torch.device("cpu"), torch.float32)


# Parts that do not fit


@pytest.mark.parametrize("edit", [without_some, with_others])
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_part_whose_weights_do_not_fit_is_refused(part: str, edit: Edit, tmp_path: Path) -> None:
    folder = linked(WEIGHTS / "backbone", tmp_path / "mixed")
    edited(folder / part, edit)
    with pytest.raises(Misconfigured, match=f"mixed/{part}' does not fit .*; copy or download"):
        load_backbone(str(folder), torch.device("cpu"), torch.float32)


def test_a_folder_in_half_precision_answers_as_the_plain_one(backbone: DiffusersBackbone, tmp_path: Path) -> None:
    folder = linked(WEIGHTS / "backbone", tmp_path / "half")
    for part in ("unet", "vae", "text_encoder"):
        [file] = edited(folder / part, lambda weights: {name: each.half() for name, each in weights.items()}).glob(
            "*.s*"
        )
        file.rename(file.with_suffix(".fp16.safetensors"))
    half = load_backbone(str(folder), torch.device("cpu"), torch.float32)
    tokens = backbone.tokenize("a red circle")
    assert torch.allclose(half.embed(tokens), backbone.embed(tokens), atol=0.02)
    assert half.unet.dtype is torch.float32


@pytest.mark.parametrize("part", ["tokenizer", "scheduler"])
def test_a_part_without_its_files_is_told(part: str, tmp_path: Path) -> None:
    folder = linked(WEIGHTS / "backbone", tmp_path / "cut")
    for file in (folder / part).iterdir():
        file.unlink()
    with pytest.raises(Misconfigured, match=f"cut/{part}' (cannot be loaded|knows 2 pieces of words)"):
        load_backbone(str(folder), torch.device("cpu"), torch.float32)


def test_parts_of_two_checkpoints_are_refused(tmp_path: Path) -> None:
    folder = linked(WEIGHTS / "backbone", tmp_path / "two")
    (folder / "text_encoder" / "model.safetensors").unlink()
    (folder / "text_encoder" / "config.json").unlink()
    CLIPTextModel(CLIPTextConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)).save_pretrained(
        folder / "text_encoder"
    )
    with pytest.raises(Misconfigured, match="outputs have 32 channels, but the UNet takes 128"):
        load_backbone(str(folder), torch.device("cpu"), torch.float32)

"""Models of full size with random weights: no download, and the same work as with trained weights.

Each is written once as a checkpoint below `out/full` in float32, as its publisher gives it, and read back through the
engine's own loading. Speed does not depend on the weights' values, as long as numbers stay finite and attention is
neither flat nor a single spike; how sparse attention is does, and the report says so where it matters. The tokenizer is
the embedded one: the text encoder's table has all the 49,408 rows of CLIP's, of which only the first are used.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, SamConfig, SamModel, SamVisionConfig, SwinConfig

from backend.server.child_process import ROOT
from model.adapters.diffusers.backbone import DiffusersBackbone, load_backbone
from model.adapters.proposers.mask2former import Mask2FormerProposer, load_pmp
from model.adapters.proposers.text_query import PromptedConfig, PromptedMask2Former
from model.adapters.sam.segmenter import SamSegmenter, load_sam
from model.loading import WEIGHTS, quiet

FOLDER = ROOT / "out" / "full"
SEED = 7
VOCABULARY = 49408
SHARPNESS = 1.4  # gain of queries and keys: logits of attention get a standard deviation of about 2
SHARP = ("to_q.", "to_k.", "q_proj.", "k_proj.")
DONE = "complete"  # a file that is written last


@dataclass(frozen=True, slots=True)
class Diffusion:
    """What tells one Stable Diffusion from the other: arguments of the UNet, the text encoder and the autoencoder."""

    unet: dict[str, Any]
    text: dict[str, Any]
    vae: dict[str, Any] = field(default_factory=lambda: {"block_out_channels": (128, 256, 512, 512)})


DIFFUSION = {
    "sd15": Diffusion(
        {"attention_head_dim": 8, "cross_attention_dim": 768},
        {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    ),
    "sd21": Diffusion(
        {"attention_head_dim": (5, 10, 20, 20), "cross_attention_dim": 1024, "use_linear_projection": True},
        {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
        | {"hidden_act": "gelu"},
    ),
    # The same layout, narrow: for trying out the benchmark itself.
    "tiny": Diffusion(
        {"attention_head_dim": (2, 4, 4, 4), "cross_attention_dim": 32, "use_linear_projection": True}
        | {"sample_size": 16, "block_out_channels": (32, 64, 64, 64), "norm_num_groups": 8},
        {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        {"block_out_channels": (16, 16, 32, 32), "norm_num_groups": 8},
    ),
}
VISION: dict[str, dict[str, Any]] = {
    "vit_b": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "mlp_dim": 3072}
    | {"global_attn_indexes": [2, 5, 8, 11]},
    "vit_h": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "mlp_dim": 5120}
    | {"global_attn_indexes": [7, 15, 23, 31]},
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 64}
    | {"global_attn_indexes": [1], "image_size": 256},
}


def backbone(name: str, device: torch.device, dtype: torch.dtype) -> DiffusersBackbone:
    """A key of DIFFUSION as the engine's backbone, 512 px pictures (128 where tiny)."""
    return load_backbone(str(backbone_folder(name)), device, dtype)


def segmenter(name: str, device: torch.device, dtype: torch.dtype) -> SamSegmenter:
    """A key of VISION as the engine's segmenter, 1,024 px pictures (256 where tiny)."""
    return load_sam(str(segmenter_folder(name)), device, dtype)


def proposer(device: torch.device, dtype: torch.dtype) -> Mask2FormerProposer:
    """Mask2Former on Swin-B as the engine's proposer, 640 px pictures, named by the text encoder of ViT-L/14."""
    return load_pmp(str(proposer_folder()), device, dtype)


def backbone_folder(name: str) -> Path:
    """The checkpoint of a key of DIFFUSION, written where it is not there yet (5.1 GB for sd21, 4.3 GB for sd15)."""
    folder, sizes = FOLDER / name, DIFFUSION[name]
    if not (folder / DONE).exists():
        unet: dict[str, Any] = {"sample_size": 64, **sizes.unet}
        blocks = len(unet.get("block_out_channels", (0,) * 4))
        vae: dict[str, Any] = {
            "down_block_types": ("DownEncoderBlock2D",) * blocks,
            "up_block_types": ("UpDecoderBlock2D",) * blocks,
            "layers_per_block": 2,
        }
        with torch.device("meta"):
            parts = {"unet": UNet2DConditionModel(**unet), "vae": AutoencoderKL(**sizes.vae, **vae)}
        for part, model in parts.items():
            filled(model).save_pretrained(folder / part)
        _text_encoder(folder, sizes.text)
        betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
        DDIMScheduler(**betas, clip_sample=False, set_alpha_to_one=False).save_pretrained(folder / "scheduler")
        (folder / DONE).touch()
    return folder


def segmenter_folder(name: str) -> Path:
    """The checkpoint of a key of VISION, written where it is not there yet (2.6 GB for vit_h, 0.4 GB for vit_b)."""
    folder = FOLDER / f"sam_{name}"
    if not (folder / DONE).exists():
        vision = SamVisionConfig(**VISION[name]).to_dict()
        prompts = {"image_size": vision["image_size"], "image_embedding_size": vision["image_size"] // 16}
        with torch.device("meta"):
            model = SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompts))
        filled(model).prompt_encoder.shared_embedding = model.shared_image_embedding  # one and the same in SAM
        model.save_pretrained(folder)
        (folder / DONE).touch()
    return folder


def proposer_folder() -> Path:
    """The checkpoint of Mask2Former, written where it is not there yet (0.9 GB)."""
    folder = FOLDER / "swin_b"
    if not (folder / DONE).exists():
        stages = {"out_features": [f"stage{number}" for number in range(1, 5)], "depths": [2, 2, 18, 2]}
        swin = SwinConfig(image_size=384, embed_dim=128, num_heads=[4, 8, 16, 32], window_size=12, **stages)
        with torch.device("meta"):
            model = PromptedMask2Former(PromptedConfig(backbone_config=swin, text_dim=768, side=640, num_queries=100))
        filled(model).save_pretrained(folder)
        _text_encoder(folder, DIFFUSION["sd15"].text, WEIGHTS / "proposer")
        (folder / DONE).touch()
    return folder


def filled(model: Any) -> Any:
    """A model from the `meta` device with random weights: unit gain, sharper queries and keys, norms that do nothing.

    The residual paths add up to a standard deviation of about 10, far inside half precision.
    """
    quiet()
    model.to_empty(device="cpu")
    draws = torch.Generator().manual_seed(SEED)
    for name, weight in model.state_dict().items():
        if weight.ndim < 2:
            weight.fill_(float(name.endswith("weight")))
        elif weight.is_floating_point():
            gain = SHARPNESS if any(part in name for part in SHARP) else 1.0
            weight.normal_(0, gain * weight[0].numel() ** -0.5, generator=draws)
    return model


def _text_encoder(folder: Path, sizes: dict[str, Any], source: Path = WEIGHTS / "backbone") -> None:
    shutil.copytree(source / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    embedded = CLIPTextConfig.from_pretrained(source / "text_encoder")
    config = {"vocab_size": VOCABULARY, "bos_token_id": embedded.bos_token_id, "eos_token_id": embedded.eos_token_id}
    with torch.device("meta"):
        model = CLIPTextModel(CLIPTextConfig(**sizes, **config, projection_dim=sizes["hidden_size"]))
    filled(model).save_pretrained(folder / "text_encoder")

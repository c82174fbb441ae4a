"""Official segment-anything checkpoints (`sam_vit_b_01ec64.pth` and its kin) as transformers' `SamModel`."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import torch
from transformers import SamConfig, SamModel

from model.errors import Misconfigured

State = dict[str, torch.Tensor]

# Official name -> transformers' name, applied in this order to every key; what no line names is called the same.
KEY_NAMES = (
    (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.blocks\.(\d+)\.norm(\d)\.", r"vision_encoder.layers.\1.layer_norm\2."),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.", "vision_encoder."),
    (r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix", "shared_image_embedding.positional_embedding"),
    (r"^prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
    (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
    (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
    (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
    (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
    (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
    (r"^mask_decoder\.transformer\.norm_final_attn\.", "mask_decoder.transformer.layer_norm_final_attn."),
    (r"^mask_decoder\.transformer\.layers\.(\d+)\.norm(\d)\.", r"mask_decoder.transformer.layers.\1.layer_norm\2."),
    (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
    (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
    (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
    (r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head)\.)layers\.0\.", r"\1proj_in."),
    (r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head)\.)layers\.2\.", r"\1proj_out."),
    (r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head)\.)layers\.1\.", r"\1layers.0."),
)


def read_official(path: Path) -> SamModel:
    """Load an official checkpoint; ViT-B, L or H follows from the tensors' shapes.

    Raises Misconfigured when the file is missing, is no checkpoint or holds something else than SAM.
    """
    if not path.is_file():
        raise Misconfigured(f"No SAM checkpoint at '{path}': there is no such file.")
    state = _state(path)
    if not isinstance(state, dict) or "image_encoder.pos_embed" not in state:
        raise Misconfigured(f"'{path}' holds no SAM: expected the official names, such as image_encoder.pos_embed.")
    try:
        config, tensors = geometry(state), renamed(state)
    except (ArithmeticError, AttributeError, IndexError, KeyError, ValueError) as error:
        raise Misconfigured(f"'{path}' is no SAM of known geometry ({type(error).__name__}: {error}).") from error
    with torch.device("meta"):
        model = SamModel(config)
    return _filled(model, tensors, path)


def _state(path: Path) -> object:
    try:
        mapped = zipfile.is_zipfile(path)  # the format of torch before 1.6 cannot be mapped into memory
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except MemoryError:
        raise
    except OSError as error:
        raise Misconfigured(f"'{path}' cannot be read: {error.strerror}.") from error
    except Exception as error:  # the unpickler lets pass whatever the bytes bring about, and explains it in 40 lines
        trouble = "the file is damaged, or something else. Download it again"
        raise Misconfigured(f"'{path}' cannot be read as a PyTorch checkpoint: {trouble}.") from error


def renamed(state: State) -> State:
    """The same tensors under transformers' names. Point positions are shared by two modules there."""
    tensors = {_new_name(name): tensor for name, tensor in state.items()}
    shared = tensors["shared_image_embedding.positional_embedding"]
    return tensors | {"prompt_encoder.shared_embedding.positional_embedding": shared}


def geometry(state: State) -> SamConfig:
    """The configuration that these tensors fit: widths, depth, heads, window and which layers look everywhere."""
    kernel, positions = state["image_encoder.patch_embed.proj.weight"], state["image_encoder.pos_embed"]
    width, patch, grid = kernel.shape[0], kernel.shape[-1], positions.shape[1]
    depth = len({name.split(".")[2] for name in state if name.startswith("image_encoder.blocks.")})
    reach = [state[f"image_encoder.blocks.{layer}.attn.rel_pos_h"].shape for layer in range(depth)]
    windows = {(rows + 1) // 2 for rows, _ in reach if rows != 2 * grid - 1}
    vision = {
        "hidden_size": width,
        "image_size": grid * patch,
        "patch_size": patch,
        "num_hidden_layers": depth,
        "num_attention_heads": width // reach[0][1],
        "window_size": max(windows, default=14),
        "global_attn_indexes": [layer for layer, (rows, _) in enumerate(reach) if rows == 2 * grid - 1],
    }
    return SamConfig(vision_config=vision, prompt_encoder_config={"image_size": grid * patch, "patch_size": patch})


def _new_name(name: str) -> str:
    for pattern, replacement in KEY_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _filled(model: SamModel, tensors: State, path: Path) -> SamModel:
    """The model with these tensors in place of its own; every weight has to be there, in its shape."""
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    wrong = [name for name, shape in wanted.items() if name not in tensors or tensors[name].shape != shape]
    if wrong := wrong or sorted(tensors.keys() - wanted.keys()):
        raise Misconfigured(f"'{path}' is no SAM of known geometry: {len(wrong)} weights do not fit, {wrong[0]} first.")
    model.load_state_dict(tensors, assign=True)
    return model

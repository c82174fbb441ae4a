"""The embedded segmenter: SAM's architecture in small, how it starts, grows to larger pictures and is written out."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import SamConfig, SamImageProcessorPil, SamModel

Tensor = torch.Tensor
WIDTH = 128


def build(side: int) -> SamModel:
    """A SAM with 8-pixel patches, six layers of width 128, two of them global; 4.4 MB in half precision."""
    grid, width = side // 8, WIDTH
    vision = {"image_size": side, "patch_size": 8, "hidden_size": width, "mlp_ratio": 4.0, "output_channels": width}
    layers = {"num_hidden_layers": 6, "num_attention_heads": 4, "window_size": 8, "global_attn_indexes": [2, 5]}
    positions = {"use_rel_pos": False, "num_pos_feats": width // 2, "hidden_act": "relu"}
    decoder = {"hidden_size": width, "mlp_dim": 512, "num_attention_heads": 4, "iou_head_hidden_dim": width}
    model = SamModel(
        SamConfig(
            vision_config=vision | layers | positions,
            prompt_encoder_config={"hidden_size": width, "image_size": side, "patch_size": 8},
            mask_decoder_config=decoder,
            attn_implementation="eager" if side <= 128 else "sdpa",  # whichever trains faster on a CPU
        )
    )
    model.config.mask_decoder_config._attn_implementation = "eager"  # few tokens: faster to train than fused attention
    initialise(model)
    model.vision_encoder.pos_embed.data.copy_(waves(grid, width))
    return model


@torch.no_grad()
def initialise(model: SamModel) -> None:
    """Start as Segment Anything does: torch's own spread for layers, unit normals for tokens and point positions.

    In the decoder's cross-attention queries and keys start alike, so that a prompt looks at its own place at once
    (ours): with a small budget the steps before prompts have any effect are too many.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.reset_parameters()
    torch.nn.init.normal_(model.shared_image_embedding.positional_embedding).requires_grad_(False)
    for layer in model.mask_decoder.transformer.layers:
        for attention in (layer.cross_attn_token_to_image, layer.cross_attn_image_to_token):
            attention.q_proj.weight.mul_(2)
            attention.k_proj.weight.copy_(attention.q_proj.weight)


def waves(grid: int, width: int) -> Tensor:
    """Sine and cosine positions (1, grid, grid, width) that do not depend on the grid's size."""
    place = (torch.arange(grid) + 0.5) / grid
    angles = place[:, None] * 2 ** torch.linspace(0, 4, width // 4) * torch.pi
    one = torch.cat([angles.sin(), angles.cos()], dim=1)  # (grid, width / 2)
    rows, columns = one[:, None].expand(-1, grid, -1), one[None].expand(grid, -1, -1)
    return 0.3 * torch.cat([rows, columns], dim=-1)[None]


def grown(state: dict[str, Tensor], grid: int) -> dict[str, Tensor]:
    """Weights learned on small pictures, with their positions stretched to a larger grid."""
    positions = state["sam.vision_encoder.pos_embed"].permute(0, 3, 1, 2)
    stretched = F.interpolate(positions, (grid, grid), mode="bicubic", align_corners=False)
    return state | {"sam.vision_encoder.pos_embed": stretched.permute(0, 2, 3, 1)}


class Kinship(torch.nn.Module):
    """Do two cells lie on the same piece? A second task for the encoder while it learns (ours); not shipped.

    A mask teaches about one object only; this teaches about every piece of a picture at once, at little cost.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = torch.nn.Linear(width, 64)
        self.scale = torch.nn.Parameter(torch.tensor([8.0, -4.0]))

    def forward(self, embeddings: Tensor, places: Tensor, cells: Tensor) -> Tensor:
        """Cross-entropy over pairs of cells, pairs on the same piece and other pairs counting alike.

        embeddings (B, C, g, g); places (N,), which cells of the grid; cells (B, N), the piece that each lies on.
        """
        features = embeddings.float().flatten(2).transpose(1, 2)[:, places]
        kin = F.normalize(self.project(features), dim=-1)
        logits = kin @ kin.transpose(1, 2) * self.scale[0] + self.scale[1]
        same = cells[:, :, None] == cells[:, None]
        errors = F.binary_cross_entropy_with_logits(logits, same.float(), reduction="none")
        return (errors[same].mean() + errors[~same].sum() / (~same).sum().clamp(min=1)) / 2


class SegmenterStudent(torch.nn.Module):
    """What is trained: the segmenter for pictures of `side` pixels and its second task."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.sam = build(side)
        self.kinship = Kinship(WIDTH)


def export(run: Path, side: int, folder: Path) -> None:
    """Write the run's weights as a transformers folder in half precision."""
    state = torch.load(run / "checkpoint.pt", weights_only=True)["model"]
    model = build(side)
    model.load_state_dict({name[4:]: weight for name, weight in state.items() if name.startswith("sam.")})
    model.half().save_pretrained(folder)
    geometry = {
        "size": {"longest_edge": side},
        "pad_size": {"height": side, "width": side},
        "mask_size": {"longest_edge": side // 2},
        "mask_pad_size": {"height": side // 2, "width": side // 2},
    }
    SamImageProcessorPil(**geometry).save_pretrained(folder)

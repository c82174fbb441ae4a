"""The embedded proposer: Mask2Former with Swin in small, how it starts and how it is written out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer, SwinConfig

from model.adapters.proposers.mask2former import TextEncoder
from model.adapters.proposers.text_query import PromptedConfig, PromptedMask2Former, TextTokens

SIDE = 128
GRID = SIDE // 4  # cells of a mask
WIDTH = 64
LAYERS = 3  # one round over three levels; two more gain 1.4 points of mIoU at most (PMP, table of rounds)
QUERIES = 24


class Cells(nn.Module):
    """Does a cell show a text? A second task while the proposer learns (ours); not shipped.

    Matched queries teach about few masks a picture; this teaches words and pixel features from every cell at once.
    """

    def __init__(self, width: int, text_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, text_dim)
        self.scale = nn.Parameter(torch.tensor([8.0, -2.0]))

    def forward(self, cells: torch.Tensor, texts: TextTokens, shown: torch.Tensor) -> torch.Tensor:
        """Cross-entropy, cells (B, C, h, w) on a text's objects and other cells counting alike.

        shown (B, M, h, w): the share of each cell that a text's objects cover.
        """
        features = functional.normalize(self.project(cells.flatten(2).transpose(1, 2)), dim=-1)
        words = functional.normalize(texts.embeddings, dim=-1)
        logits = (words @ features.transpose(1, 2)) * self.scale[0] + self.scale[1]
        errors = functional.binary_cross_entropy_with_logits(logits, shown.flatten(2), reduction="none")
        on = shown.flatten(2) > 0.5
        off = ~on & ~texts.padding[..., None]
        return (errors[on].sum() / on.sum().clamp(min=1) + errors[off].sum() / off.sum().clamp(min=1)) / 2


class ProposerStudent(nn.Module):
    """What is trained: the model, and the text encoder that the diffusion model was trained with."""

    def __init__(self, backbone: Path) -> None:
        super().__init__()
        self.text = CLIPTextModel.from_pretrained(backbone / "text_encoder", dtype=torch.float32)
        self.model = build(self.text.config.hidden_size)
        self.cells = Cells(WIDTH, self.text.config.hidden_size)
        self.tokenizer = CLIPTokenizer.from_pretrained(backbone / "tokenizer")

    @property
    def encoder(self) -> TextEncoder:
        """The text encoder as the proposer asks it."""
        return TextEncoder(self.text, self.tokenizer)

    def tokens(self, texts: tuple[tuple[str, ...], ...], most: int) -> TextTokens:
        """The texts of B pictures, padded to `most`; every picture has one at least."""
        embedded = self.encoder.embed([text for each in texts for text in each]).split([len(each) for each in texts])
        rows = [functional.pad(each, (0, 0, 0, most - len(each))) for each in embedded]
        padding = torch.tensor([[column >= len(each) for column in range(most)] for each in texts])
        return TextTokens(torch.stack(rows), padding)

    def save(self, folder: Path) -> None:
        """Write a proposer's folder in half precision, as it is shipped."""
        self.model.half().save_pretrained(folder)
        self.text.half().save_pretrained(folder / "text_encoder")
        self.tokenizer.save_pretrained(folder / "tokenizer")


def build(text_dim: int) -> PromptedMask2Former:
    """Masks of 32 cells a side from a Swin of 32 channels in windows of 4 cells; one class, "something"."""
    swin = SwinConfig(
        image_size=SIDE,
        embed_dim=32,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        window_size=4,
        drop_path_rate=0.0,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = PromptedConfig(
        backbone_config=swin,
        feature_size=WIDTH,
        mask_feature_size=WIDTH,
        hidden_dim=WIDTH,
        encoder_layers=2,
        encoder_feedforward_dim=3 * WIDTH,
        decoder_layers=LAYERS + 1,  # transformers counts the prediction before the first layer
        dim_feedforward=4 * WIDTH,
        num_attention_heads=4,
        num_queries=QUERIES,
        num_labels=1,
        no_object_weight=0.25,  # few queries: Mask2Former's 0.1 of 100 queries would leave them too sure
        train_num_points=768,
        text_dim=text_dim,
        side=SIDE,
    )
    model = PromptedMask2Former(config)
    _restart(model)
    return model


def _restart(model: PromptedMask2Former) -> None:
    """Give Swin's and the pixel decoder's layers torch's own spread: 0.02 starves layers of so few channels (ours)."""
    level = model.model.pixel_level_module
    convolutions = [layer for layer in level.decoder.modules() if isinstance(layer, nn.Conv2d)]
    for layer in [*level.encoder.modules(), *convolutions]:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.reset_parameters()

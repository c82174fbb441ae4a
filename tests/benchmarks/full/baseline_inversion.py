"""The textbook's prompt inversion: diffusers' own textual inversion script in short, on the same weights.

Every attention layer's probabilities of all heads are in the graph, one draw of noise at a time goes through text
encoder and UNet, and AdamW over the whole table of token embeddings, whose other rows are put back after each step. The
script freezes both networks. A plainer one does not, and pays for gradients of weights that nobody changes: `unfrozen`.
"""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import AttnProcessor
from torch.nn import functional

from model.adapters.diffusers.backbone import DiffusersBackbone
from model.config import InversionConfig
from model.methods.segment_anyword.inversion import LOSS_SCALE, Subject, draw
from tests.benchmarks.full.written import as_written

CONFIG = InversionConfig(objective="denoising", batch=1, rate=0.01)


class Textbook:
    """The textbook's steps, one by one, on the same weights."""

    def __init__(self, backbone: DiffusersBackbone, subject: Subject) -> None:
        self.backbone, self.subject = backbone, subject
        self.table = backbone.text_encoder.get_input_embeddings().weight
        self.ids = torch.tensor([subject.tokens.ids], device=backbone.device)
        self.rows = self.ids[0, list(subject.learned)]
        self.before = self.table.detach().clone()
        self.learned = self.table[self.rows].detach().clone()
        self.optimiser: torch.optim.Optimizer | None = None

    def step(self, number: int) -> torch.Tensor:
        """The gradient (k, d) at the learned tokens, and a step along it; the model is left as it was found."""
        with as_written(self.backbone.unet):
            return self._step(number)

    def _step(self, number: int) -> torch.Tensor:
        self.table.requires_grad_()
        self.table.data[self.rows] = self.learned.to(self.table)
        self.optimiser = self.optimiser or torch.optim.AdamW([self.table], lr=rate(self.learned))
        fused = self.backbone.unet.attn_processors
        self.backbone.unet.set_attn_processor(AttnProcessor())
        noisy, noise, timesteps = draw(self.backbone, self.subject.latents, CONFIG, number)
        states = self.backbone.text_encoder(self.ids).last_hidden_state
        predicted = self.backbone.unet(noisy.to(states), timesteps.to(self.ids.device), states).sample
        (functional.mse_loss(predicted.float(), noise) * LOSS_SCALE).backward()
        self.optimiser.step()
        assert self.table.grad is not None
        gradient: torch.Tensor = self.table.grad[self.rows].float()
        self.learned = self.table[self.rows].detach().float()
        self.optimiser.zero_grad()
        self.table.data.copy_(self.before)
        self.table.requires_grad_(False)
        self.backbone.unet.set_attn_processor(fused)
        return gradient


def unfrozen(textbook: Textbook, number: int) -> torch.Tensor:
    """A step with a gradient for every weight of UNet and text encoder, all of them dropped at its end."""
    parts = (textbook.backbone.unet, textbook.backbone.text_encoder)
    weights = [weight for part in parts for weight in part.parameters()]
    for weight in weights:
        weight.requires_grad_()
    gradient = textbook.step(number)
    for weight in weights:
        weight.grad = None
        weight.requires_grad_(False)
    return gradient


def rate(learned: torch.Tensor) -> float:
    """AdamW's rate as the engine has it: a share of the embeddings' root mean square."""
    return CONFIG.rate * float(learned.detach().float().square().mean().sqrt())

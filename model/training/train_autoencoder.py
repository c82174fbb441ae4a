"""Train the small AutoencoderKL: 8 px a cell, 8 latent channels, on procedural scenes. Resumes from its checkpoint.

    python -m model.training.train_autoencoder --out runs/autoencoder

The encoder first learns the whitened principal components of 8 x 8 patches, then the decoder learns to undo it.
Both at once took ten times as long on two cores and lost colours: a goal for the encoder is worth the detour. Ours.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from model.embedded import scenes
from model.training.checkpoint import Checkpoint

SIZE = 128
CELL = 8
CHANNELS = 8
CROP = 64  # the model is convolutional: crops teach the same for a quarter of the work
BATCH = 16
LOG_VARIANCE = -6.0  # what the posterior's is taught to be: nearly deterministic
FIRST_SEED = 10_000_000  # held-out scenes: scenes.HELD_OUT


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Whitened principal components of patches: mean (192,), basis (192, C), deviation (C,)."""

    mean: torch.Tensor
    basis: torch.Tensor
    deviation: torch.Tensor

    def codes(self, pictures: torch.Tensor) -> torch.Tensor:
        """Codes (B, C, h, w) of unit variance for pictures (B, 3, H, W)."""
        patches = functional.pixel_unshuffle(pictures, CELL).permute(0, 2, 3, 1)
        return (((patches - self.mean) @ self.basis) / self.deviation).permute(0, 3, 1, 2)


def components() -> Components:
    """Learn the components from a few hundred training pictures."""
    torch.manual_seed(0)
    batches = [functional.pixel_unshuffle(pictures(step), CELL) for step in range(40)]
    patches = torch.cat(batches).permute(0, 2, 3, 1).reshape(-1, 3 * CELL**2)
    mean = patches.mean(0)
    basis = torch.pca_lowrank(patches - mean, 2 * CHANNELS, center=False, niter=4)[2][:, :CHANNELS]
    return Components(mean, basis, ((patches - mean) @ basis).std(0))


def build() -> AutoencoderKL:
    """The autoencoder's geometry: four levels, hence cells of 8 px."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 48, 64),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=CHANNELS,
        sample_size=SIZE,
        scaling_factor=1.0,
    )


def pictures(step: int) -> torch.Tensor:
    """The crops (B, 3, CROP, CROP) in [-1, 1] of one step."""
    seeds = range(FIRST_SEED + step * BATCH, FIRST_SEED + (step + 1) * BATCH)
    corners = np.random.default_rng(step).integers(0, SIZE - CROP + 1, (BATCH, 2))
    images = np.stack(
        [scenes.draw(seed, SIZE).image[y : y + CROP, x : x + CROP] for seed, (y, x) in zip(seeds, corners, strict=True)]
    )
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(out: Path, encoder_steps: int, decoder_steps: int) -> None:
    """Train the encoder, save, train the decoder against the frozen encoder, save again."""
    torch.manual_seed(1)
    model, goal = build(), components()

    def encoder_loss(batch: torch.Tensor) -> torch.Tensor:
        posterior = model.encode(batch).latent_dist
        spread = functional.mse_loss(posterior.logvar.float(), torch.full_like(posterior.logvar.float(), LOG_VARIANCE))
        return functional.mse_loss(posterior.mean.float(), goal.codes(batch)) + 0.01 * spread

    def decoder_loss(batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            latents = model.encode(batch).latent_dist.sample()
        decoded = model.decode(latents).sample.float()
        return functional.mse_loss(decoded, batch) + 0.1 * functional.l1_loss(decoded, batch)

    seconds = stage(model, [model.encoder, model.quant_conv], encoder_loss, encoder_steps, out / "encoder.pt")
    save(model, goal, out, {"encoder_steps": encoder_steps, "encoder_seconds": seconds})
    seconds += stage(model, [model.decoder, model.post_quant_conv], decoder_loss, decoder_steps, out / "decoder.pt")
    save(model, goal, out, {"encoder_steps": encoder_steps, "decoder_steps": decoder_steps, "seconds": seconds})


def stage(
    model: AutoencoderKL,
    parts: list[torch.nn.Module],
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    steps: int,
    path: Path,
) -> float:
    """Train some parts of the model for `steps`; the seconds it took."""
    parameters = [parameter for part in parts for parameter in part.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(step / 50, 1, 2 * (1 - step / steps)))
    checkpoint = Checkpoint(path, {"model": model, "optimiser": optimiser, "schedule": schedule})
    first, spent, began = *checkpoint.resume(), time.monotonic()
    for step in range(first, steps):
        torch.manual_seed(step)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(pictures(step))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"{path.stem} step {step} loss {loss.item():.4f} {time.monotonic() - began:.0f} s", flush=True)
            checkpoint.save(step + 1, spent + time.monotonic() - began)
    return spent + time.monotonic() - began


@torch.no_grad()
def save(model: AutoencoderKL, goal: Components, out: Path, record: dict[str, float]) -> None:
    """Measure on held-out scenes and save the folder that diffusers loads."""
    model.eval()
    held_out = torch.stack(
        [torch.from_numpy(scenes.draw(seed, SIZE).image) for seed in range(scenes.HELD_OUT, scenes.HELD_OUT + 64)]
    )
    batch = held_out.permute(0, 3, 1, 2).float() / 127.5 - 1
    latents = model.encode(batch).latent_dist.mean
    error = functional.mse_loss(latents, goal.codes(batch)) / goal.codes(batch).var()
    measured = {
        "held_out_unexplained_variance_of_codes": error.item(),
        "held_out_mean_absolute_error": functional.l1_loss(model.decode(latents).sample, batch).item() * 127.5,
    }
    model.save_pretrained(out / "vae")
    (out / "record.json").write_text(json.dumps({**record, **measured}, indent=1))
    print(record, measured, flush=True)
    model.train()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/autoencoder"))
    parser.add_argument("--encoder-steps", type=int, default=400)
    parser.add_argument("--decoder-steps", type=int, default=1500)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.out, arguments.encoder_steps, arguments.decoder_steps)

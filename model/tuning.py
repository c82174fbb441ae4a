"""Segment Anyword's fast variant: LoRA on the text encoder, learned once from pictures and captions of one's own.

    python -m model.tuning --pairs FOLDER --out lora

FOLDER holds pictures and a `captions.json` of {"picture.png": "a red circle on the grass", ...}. Afterwards a few
inversion steps are enough where plain prompts need many (appendix C.1: rank 16, 500 pairs, 1,100 steps, then 50).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig
from PIL import Image as Pictures
from torch.nn import functional
from tqdm import tqdm

from model.adapters.diffusers.backbone import DiffusersBackbone, load_backbone
from model.config import InversionConfig
from model.errors import Misconfigured
from model.grounding.canvas import to_canvas
from model.grounding.sixteen_bits import eight_bits
from model.grounding.stretch import stretched
from model.loading import WEIGHTS
from model.methods.segment_anyword.inversion import draw
from model.types import Image

RANK = 16  # appendix C.1
TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj"]
CAPTIONS = "captions.json"


@dataclass(frozen=True, slots=True)
class LoraRecipe:
    """Steps (appendix C.1: 1,100), AdamW's rate (ours), and draws of timestep and noise in one step."""

    steps: int = 1100
    rate: float = 1e-4
    batch: int = 8


def pairs_in(folder: Path) -> list[tuple[Image, str]]:
    """Pictures, as the models see them, and captions of a folder. Raises Misconfigured where they are not there."""
    if not (folder / CAPTIONS).is_file():
        raise Misconfigured(f'{folder}: no {CAPTIONS} in it, of the form {{"picture.png": "a caption"}}')
    captions: dict[str, str] = json.loads((folder / CAPTIONS).read_text())
    missing = [name for name in captions if not (folder / name).is_file()]
    if missing or not captions:
        raise Misconfigured(f"{folder / CAPTIONS} names {', '.join(missing) or 'no picture'}, which is not there")
    return [(_picture(folder / name), text) for name, text in captions.items()]


def _picture(path: Path) -> Image:
    with Pictures.open(path) as opened:
        return stretched(np.array(eight_bits(path.read_bytes(), opened).convert("RGB")))


def tune(backbone: DiffusersBackbone, pairs: Sequence[tuple[Image, str]], recipe: LoraRecipe, out: Path) -> list[float]:
    """Learn the adapter with the denoising loss (eq. 2), one pair for each step, and write it to `out`.

    The backbone keeps the adapter. Returns each step's loss.
    """
    torch.manual_seed(0)
    backbone.text_encoder.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=TARGETS))
    learned = [weight for weight in backbone.text_encoder.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=recipe.rate)
    draws = InversionConfig(batch=recipe.batch, timesteps=(0, len(backbone.alphas)))
    losses = []
    for step in tqdm(range(recipe.steps), desc="LoRA"):
        image, text = pairs[step % len(pairs)]
        latents = backbone.encode(to_canvas(image, backbone.canvas_size))
        noisy, noise, timesteps = draw(backbone, latents, draws, step)
        embeddings = backbone.embed(backbone.tokenize(text), learning=True)
        loss = functional.mse_loss(backbone.denoise(noisy, timesteps, embeddings), noise)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    backbone.text_encoder.save_pretrained(out)
    return losses


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help=f"folder of pictures with a {CAPTIONS}")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter; give it to ANYWORD_LORA")
    parser.add_argument("--backbone", default=str(WEIGHTS / "backbone"), help="default: the embedded one")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=LoraRecipe().steps)
    given = parser.parse_args()
    try:
        backbone = load_backbone(given.backbone, torch.device(given.device), torch.float32)
        tune(backbone, pairs_in(given.pairs), LoraRecipe(given.steps), given.out)
    except Misconfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""Train the small text-to-image latent diffusion model (UNet and text encoder) on procedural scenes.

    python -m model.training.train_backbone --vae runs/autoencoder/vae --out runs/backbone
    python -m model.training.train_backbone --vae runs/autoencoder/vae --out runs/backbone --export FOLDER

Denoising loss, a grounding term on cross-attention (grounding_loss.py), and dense supervision (kind_head.py).
Deterministic from the step number,
resumes from its checkpoint, writes the folder that `StableDiffusionPipeline.from_pretrained` loads.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from model.embedded.scene_language import Style, prompt
from model.training.backbone import vocabulary
from model.training.backbone.grounding_loss import Capture, ContentWords, grounding_loss, tap_cross_attention, words_of
from model.training.backbone.kind_head import KindHead
from model.training.backbone.scene_store import GRID, SceneStore, prepare
from model.training.checkpoint import Checkpoint
from model.training.train_autoencoder import CHANNELS

BATCH = 24
RATE, MUON_RATE = 4e-4, 1e-3
DROPPED = 0.08  # rate of empty prompts
CLEAN_STEPS = 300  # grounding counts below this timestep only: above it the picture is mostly noise
KINDS_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Course:
    """What is taught from a step on: weights of the two grounding terms, rate of clean timesteps, kind of prompts."""

    first: int
    share: float
    level: float
    clean: float
    style: Style


COURSES = (
    Course(0, 0.05, 0.02, 0.6, Style(absent=0.25, colour=0.75, all_named=0.0)),
    Course(1100, 0.3, 0.1, 0.6, Style(absent=0.25, colour=0.75, all_named=0.0)),  # words come late: press harder
    Course(1700, 0.5, 0.15, 0.85, Style(absent=0.25, colour=0.45, all_named=0.7)),  # colours are known, shapes not yet
    Course(4300, 0.8, 0.25, 0.85, Style(absent=0.3, colour=0.45, all_named=0.7)),  # cells know their kinds: match words
)


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """What is trained, and what it is trained with."""

    unet: UNet2DConditionModel
    text: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler: DDIMScheduler
    maps: Capture
    head: KindHead


def build(run: Path | None = None) -> Student:
    """Levels of 16 and 8 cells with cross- and self-attention, one of 4 without (as Stable Diffusion's last)."""
    tokenizer = _tokenizer(run)
    text = CLIPTextModel(_text_config(tokenizer))
    unet = UNet2DConditionModel(
        sample_size=GRID,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=(96, 160, 160),
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=text.config.hidden_size,
    )
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}  # Stable Diffusion's
    scheduler = DDIMScheduler(**schedule, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    return Student(unet, text, tokenizer, scheduler, tap_cross_attention(unet), KindHead(unet))


def _tokenizer(run: Path | None) -> CLIPTokenizer:
    """The vocabulary a run began with, where it began: the library breaks ties between pieces at random."""
    stored = run / "pipeline" / "tokenizer" if run else None
    return CLIPTokenizer.from_pretrained(stored) if stored and stored.is_dir() else vocabulary.build()


def _text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=vocabulary.MAX_TOKENS,
        projection_dim=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def loss_of(student: Student, store: SceneStore, scaling: float, step: int) -> dict[str, torch.Tensor]:
    """One batch: the denoising loss, the two grounding terms and the kinds of all cells, already weighted."""
    course = max((each for each in COURSES if each.first <= step), key=lambda each: each.first)
    rng, noise_rng = np.random.default_rng([1, step]), torch.Generator().manual_seed(step)
    scenes = rng.integers(0, len(store.latents), BATCH)
    prompts = [prompt(rng, store.kinds(int(i)), store.ground(int(i)), course.style) for i in scenes]
    words = words_of(student.tokenizer, store, scenes, prompts)
    dropped = torch.from_numpy(rng.random(BATCH) < DROPPED)
    latents = torch.from_numpy(store.latents[scenes]).float() * scaling
    noise = torch.randn(latents.shape, generator=noise_rng)
    steps = torch.from_numpy(
        np.where(rng.random(BATCH) < course.clean, rng.integers(0, CLEAN_STEPS, BATCH), rng.integers(0, 1000, BATCH))
    )
    texts = ["" if empty else each.text for each, empty in zip(prompts, dropped, strict=True)]
    ids = student.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
    noisy = student.scheduler.add_noise(latents, noise, steps)
    predicted = student.unet(noisy, steps, student.text(ids).last_hidden_state).sample
    counted = (steps < CLEAN_STEPS).float() * (~dropped).float()
    share, level = _grounding(student, words, counted)
    denoising = functional.mse_loss(predicted.float(), noise)
    kinds = KINDS_WEIGHT * student.head.loss(store, scenes, (steps < CLEAN_STEPS).float())
    return {"denoising": denoising, "share": course.share * share, "level": course.level * level, "kinds": kinds}


def _grounding(student: Student, words: ContentWords, counted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The two grounding terms, each the mean over the two resolutions."""
    terms = [grounding_loss(maps, words, counted) for maps in student.maps()]
    shares, levels = zip(*terms, strict=True)
    return torch.stack(shares).mean(), torch.stack(levels).mean()


def train(out: Path, vae_path: Path, steps: int, count: int) -> None:
    """Train up to `steps`; save a pipeline folder now and then and at the end."""
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    vae = AutoencoderKL.from_pretrained(vae_path).eval()
    store = prepare(out / f"scenes-{count}.npz", vae, count)
    student = build(out)
    muon, adam = optimisers(student)
    parts = {"unet": student.unet, "text": student.text, "head": student.head}
    checkpoint = Checkpoint(out / "checkpoint.pt", {**parts, "muon": muon, "adam": adam})
    first, spent, began = *checkpoint.resume(), time.monotonic()
    for step in range(first, steps):
        set_rate((muon, adam), min((step + 1) / 100, 1, 3 * (1 - step / steps)))
        with torch.autocast("cpu", torch.bfloat16):
            losses = loss_of(student, store, vae.config.scaling_factor, step)
        advance((muon, adam), torch.stack(list(losses.values())).sum())
        if step % 25 == 0 or step == steps - 1:
            shown = " ".join(f"{name} {value.item():.4f}" for name, value in losses.items())
            print(f"step {step} {shown} {time.monotonic() - began:.0f} s", flush=True)
        if step % 100 == 99 or step == steps - 1:
            checkpoint.save(step + 1, spent + time.monotonic() - began)
            save(student, vae, out, {"steps": step + 1, "scenes": count, "seconds": spent + time.monotonic() - began})


def optimisers(student: Student) -> tuple[torch.optim.Muon, torch.optim.AdamW]:
    """Muon for the matrices of attention and feed-forward layers, AdamW for everything else."""
    named = [weight for part in (student.unet, student.text, student.head) for weight in part.named_parameters()]
    hidden = [weight.ndim == 2 and "embed" not in name for name, weight in named]
    matrices = [weight for (_, weight), chosen in zip(named, hidden, strict=True) if chosen]
    others = [weight for (_, weight), chosen in zip(named, hidden, strict=True) if not chosen]
    muon = torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return muon, torch.optim.AdamW(others, lr=RATE, weight_decay=0.01)


def set_rate(both: tuple[torch.optim.Optimizer, ...], share: float) -> None:
    """Set the learning rates to a share of their full value: up at first, held, down to zero over the last third."""
    for optimiser in both:
        for group in optimiser.param_groups:
            group["lr"] = optimiser.defaults["lr"] * share


def advance(both: tuple[torch.optim.Optimizer, ...], loss: torch.Tensor) -> None:
    """One step down the gradient, clipped."""
    for optimiser in both:
        optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([weight for each in both for weight in each.param_groups[0]["params"]], 1.0)
    for optimiser in both:
        optimiser.step()


def save(student: Student, vae: AutoencoderKL, out: Path, record: dict[str, float]) -> None:
    """Write the pipeline folder and the record for the model card."""
    pipeline_of(student, vae).save_pretrained(out / "pipeline")
    (out / "record.json").write_text(json.dumps(record, indent=1))


def pipeline_of(student: Student, vae: AutoencoderKL) -> StableDiffusionPipeline:
    """Put the parts together as Stable Diffusion's are."""
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=student.text,
        tokenizer=student.tokenizer,
        unet=student.unet,
        scheduler=student.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def export(run: Path, vae_path: Path, folder: Path) -> None:
    """Write a run's weights in half precision, as they are shipped, with a fully trained autoencoder."""
    student = build(run)
    trained = torch.load(run / "checkpoint.pt", weights_only=True)
    student.unet.load_state_dict(trained["unet"])
    student.text.load_state_dict(trained["text"])
    pipeline = pipeline_of(student, AutoencoderKL.from_pretrained(vae_path))
    pipeline.to(dtype=torch.float16).save_pretrained(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", type=Path, default=Path("runs/autoencoder/vae"))
    parser.add_argument("--out", type=Path, default=Path("runs/backbone"))
    parser.add_argument("--steps", type=int, default=10800)
    parser.add_argument("--scenes", type=int, default=16000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--export", type=Path, help="write the weights to this folder instead of training")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.export:
        export(arguments.out, arguments.vae, arguments.export)
    else:
        train(arguments.out, arguments.vae, arguments.steps, arguments.scenes)

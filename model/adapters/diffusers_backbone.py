"""A Stable Diffusion folder (diffusers format) as the engine's backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from huggingface_hub import snapshot_download
from transformers import CLIPTextModel, CLIPTokenizer

from model.adapters import profile
from model.adapters.attention_tap import Tap, attention_of, layers_of, tapped, taps_for
from model.errors import Misconfigured
from model.values import Attention, Image, Tokens

TIMESTEP = 100  # of 1000 (iSeg, table of timesteps)
NOISE_SEED = 1101  # one noise for every picture, so that the same question gets the same answer (iSeg's seed)
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


class DiffusersBackbone:
    """`Backbone` on the parts of a `StableDiffusionPipeline`. Nothing but the weights is kept between calls."""

    def __init__(self, folder: Path, name: str, device: torch.device, dtype: torch.dtype) -> None:
        self.name = name
        self.device, self.dtype = device, dtype
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=dtype).to(device).eval()
        self.vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=dtype).to(device).eval()
        self.vae.decoder = torch.nn.Identity()  # pictures go in, none comes out
        self.text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype).to(device).eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        self.profile = profile.read(folder)
        self.layers = layers_of(self.unet)
        self.max_tokens = int(self.tokenizer.model_max_length)
        self.canvas_size = self.unet.config.sample_size * 2 ** (len(self.vae.config.block_out_channels) - 1)

    def tokenize(self, text: str) -> Tokens:
        """Cut a text into `max_tokens` pieces, padded; what does not fit is left out."""
        encoded = self.tokenizer(text, padding="max_length", truncation=True, return_offsets_mapping=True)
        specials = set(self.tokenizer.all_special_ids)
        spans = tuple(
            None if piece in specials else (int(start), int(end))
            for piece, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        )
        return Tokens(text, tuple(encoded["input_ids"]), spans)

    @torch.no_grad()
    def embed(self, tokens: Tokens) -> torch.Tensor:
        """Text-encoder outputs (L, d)."""
        ids = torch.tensor([tokens.ids], device=self.device)
        return self.text_encoder(ids).last_hidden_state[0]  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, canvas: Image) -> torch.Tensor:
        """Latents (1, c, s, s): the posterior's mean, scaled."""
        pixels = torch.from_numpy(canvas).permute(2, 0, 1)[None].to(self.device, self.dtype)
        posterior = self.vae.encode(pixels / 127.5 - 1).latent_dist
        return posterior.mean * self.vae.config.scaling_factor  # type: ignore[no-any-return]

    def attend(self, latents: torch.Tensor, embeddings: torch.Tensor) -> Attention:
        """What the layers of attention_tap.py attend to, in one pass."""
        taps = taps_for(self.unet, self.layers, self.profile.head_weights)
        self.run(latents, embeddings, taps)
        return attention_of(taps, self.layers)

    @torch.no_grad()
    def run(self, latents: torch.Tensor, embeddings: torch.Tensor, taps: Mapping[str, Tap]) -> None:
        """One conditional pass on the latents with the fixed noise at timestep 100, stopped when all taps are full."""
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(NOISE_SEED))
        timestep = torch.tensor([TIMESTEP], device=self.device)
        noisy = self.scheduler.add_noise(latents, noise.to(latents), timestep)
        with tapped(self.unet, taps):
            self.unet(noisy, timestep, embeddings[None].to(self.dtype))


def load_backbone(path: str, device: torch.device, dtype: torch.dtype) -> DiffusersBackbone:
    """Load a folder, or a hub name through the hub's own cache.

    Raises Misconfigured where parts are missing or the hub cannot be reached.
    """
    folder = Path(path) if Path(path).exists() else _download(path)
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise Misconfigured(
            f"backbone {path}: no {', '.join(missing)} in it; a StableDiffusionPipeline folder is needed"
        )
    return DiffusersBackbone(folder, folder.name if folder == Path(path) else path, device, dtype)


def _download(name: str) -> Path:
    patterns = [f"{part}/*.{ending}" for part in PARTS for ending in ("json", "txt", "safetensors")]
    try:
        return Path(snapshot_download(name, allow_patterns=[*patterns, profile.FILE_NAME]))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"backbone {name}: neither a folder here nor to be had from the hub ({error})") from error

"""A Stable Diffusion folder (diffusers format) as the engine's backbone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

from model.adapters.check_weights import TEXT_ENCODER, ModelKind, attempt, fitted, misfit, tokenizer_of
from model.adapters.diffusers import profile
from model.adapters.diffusers.attention_tap import Tap, Tapped, attention_of, cross_of, layers_of, taken, taps_for
from model.adapters.diffusers.recompute import keep_little
from model.adapters.diffusers.vae_encoder import hasten
from model.adapters.hub import folder_of
from model.errors import Misconfigured
from model.runtime.cuda_graphs import GraphRecorder, Tensors
from model.types import Attention, Image, Tokens

TIMESTEP = 100  # of 1000 (iSeg, table of timesteps)
NOISE_SEED = 1101  # one noise for every picture, so that the same question gets the same answer (iSeg's seed)
# Numbers in the UNet's largest activation that keep a device busy, more only cost memory; Stable Diffusion: 2**20.3.
BUSY = {"cpu": 2**18, "cuda": 10 * 2**20}  # ours, measured
TUNE = "make one for this backbone with python -m model.tuning"
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


class DiffusersBackbone:
    """`Backbone` on the parts of a `StableDiffusionPipeline`.

    Nothing but the weights is kept between calls, and on a CUDA device the recordings of passes (cuda_graphs.py).
    """

    def __init__(self, folder: Path, name: str, device: torch.device, dtype: torch.dtype) -> None:
        self.name = name
        self.device, self.dtype = device, dtype
        self.unet = fitted(ModelKind(UNet2DConditionModel), folder / "unet", device, dtype).to(device)
        self.vae = fitted(ModelKind(AutoencoderKL), folder / "vae", device, dtype).to(device)
        self.text_encoder = fitted(TEXT_ENCODER, folder / "text_encoder", device, dtype).to(device)
        self.tokenizer = tokenizer_of(folder / "tokenizer", self.text_encoder.config.vocab_size)
        read = partial(DDIMScheduler.from_pretrained, folder / "scheduler")
        self.scheduler = attempt(read, f"'{folder / 'scheduler'}' cannot be loaded")
        _check(self.unet.config, self.vae.config, self.text_encoder.config, name)
        self.vae.decoder = torch.nn.Identity()  # pictures go in, none comes out
        self.alphas: torch.Tensor = self.scheduler.alphas_cumprod
        self.profile = profile.read(folder)
        for part in (self.unet, self.text_encoder, self.vae):
            part.requires_grad_(False)  # inversion learns embeddings, nothing else
        keep_little(self.unet)
        hasten(self.vae)
        if device.type == "cuda" and dtype is not torch.float32:
            self.unet.to(memory_format=torch.channels_last)  # cuDNN's kernels want weights so: 3 ms of a pass of 9.5
        self.layers = layers_of(self.unet, self.profile.decoder_only)
        self._taps = taps_for(self.unet, self.layers, self.profile.head_weights)
        self._cross_taps = {name: tap for name, tap in self._taps.items() if name != self.layers.among}
        self.recorder = GraphRecorder(device)
        self.text_recorder = GraphRecorder(
            device
        )  # an inversion's draws come between a text's way ahead and its way back
        self.max_tokens = int(self.tokenizer.model_max_length)
        self.words = whole_words(self.tokenizer.get_vocab())
        self.canvas_size = self.unet.config.sample_size * 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def passes_at_once(self) -> int:
        """How many latents or texts a call of the UNet should be given; memory grows with each."""
        largest = self.unet.config.sample_size**2 * self.unet.config.block_out_channels[0]
        return max(1, BUSY["cpu" if self.device.type == "cpu" else "cuda"] // int(largest))

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
    def inputs(self, tokens: Tokens) -> torch.Tensor:
        """Rows (L, d) of the text encoder's table of token embeddings."""
        ids = torch.tensor(tokens.ids, device=self.device)
        return self.text_encoder.get_input_embeddings()(ids)  # type: ignore[no-any-return]

    def embed(self, tokens: Tokens, inputs: torch.Tensor | None = None, learning: bool = False) -> torch.Tensor:
        """Text-encoder outputs (L, d), of other token embeddings (L, d) where they are given.

        `learning`: differentiable in the text encoder's own weights (tuning.py).
        """
        ids = torch.tensor([tokens.ids], device=self.device)
        if learning:
            with torch.enable_grad():
                return self._encoded(ids)[0][0]
        given = (ids,) if inputs is None else (ids, inputs[None].to(self.dtype))
        with torch.set_grad_enabled(inputs is not None and inputs.requires_grad):
            return self.text_recorder("text", self._encoded, *given)[0][0]

    def _encoded(self, ids: torch.Tensor, rows: torch.Tensor | None = None) -> Tensors:
        table = self.text_encoder.get_input_embeddings()
        with contextlib.nullcontext() if rows is None else swapped(table, rows):
            return (self.text_encoder(ids).last_hidden_state,)

    def adapt(self, folder: Path) -> None:
        """Put a LoRA adapter of tuning.py on the text encoder.

        Raises Misconfigured where the folder holds none, and where it was made for another model.
        """
        if not (folder / "adapter_config.json").is_file():
            raise Misconfigured(f"LoRA {folder}: no adapter_config.json in it; make one with python -m model.tuning")
        load = partial(self.text_encoder.load_adapter, str(folder), ignore_mismatched_sizes=True)
        found = attempt(load, f"LoRA {folder} does not fit the text encoder of {self.name}", TUNE)
        if wrong := misfit(found.missing_keys, found.unexpected_keys, found.mismatched_keys):
            raise Misconfigured(f"LoRA {folder} does not fit the text encoder of {self.name}: {wrong}; {TUNE}")
        self.text_encoder.requires_grad_(False)
        self.name = f"{self.name}+{folder.name}"

    @torch.no_grad()
    def encode(self, canvas: Image) -> torch.Tensor:
        """Latents (1, c, s, s): the posterior's mean, scaled."""
        pixels = torch.from_numpy(canvas).permute(2, 0, 1)[None].to(self.device, self.dtype)
        (latents,) = self.recorder("picture", self._latents, pixels / 127.5 - 1)
        return latents

    def _latents(self, pixels: torch.Tensor) -> Tensors:
        return (self.vae.encode(pixels).latent_dist.mean * self.vae.config.scaling_factor,)

    def attend(self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0) -> tuple[Attention, ...]:
        """What the layers of attention_tap.py attend to, in one pass with fixed noise, stopped when all is read.

        Differentiable where the embeddings are.
        """
        return attention_of(self._read(latents, embeddings, self._taps, draw), self.layers)

    def glance(
        self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0
    ) -> tuple[tuple[torch.Tensor, ...], ...]:
        """The cross-attention alone that `attend` reads: the pass ends before the finest level's decoder, a quarter of
        the way earlier.
        """
        return cross_of(self._read(latents, embeddings, self._cross_taps, draw), self.layers)

    def run(self, latents: torch.Tensor, embeddings: torch.Tensor, taps: Mapping[str, Tap]) -> Tensors:
        """What taps read in one pass on the latents with fixed noise at timestep 100, stopped when all are full.

        embeddings: (B, L, d), of texts that all read one picture (1, c, s, s), or each its own (B, c, s, s). The noise
        is the same for every picture.
        """
        with torch.set_grad_enabled(embeddings.requires_grad):
            return self._tapped(taps, *self._noised(latents, embeddings, 0))

    def _read(
        self, latents: torch.Tensor, embeddings: torch.Tensor, taps: Mapping[str, Tap], draw: int
    ) -> dict[str, torch.Tensor]:
        """What some taps read in one pass."""
        with torch.set_grad_enabled(embeddings.requires_grad):
            given = self._noised(latents, embeddings, draw)
            return dict(zip(taps, self.recorder(tuple(taps), partial(self._tapped, taps), *given), strict=True))

    def _noised(self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int) -> Tensors:
        """What a pass is given: noised latents (B, c, s, s), timesteps (B,), text-encoder outputs (B, L, d)."""
        noise = torch.randn((1, *latents.shape[1:]), generator=torch.Generator().manual_seed(NOISE_SEED + draw))
        timesteps = torch.full((len(embeddings),), TIMESTEP, device=self.device)
        noisy = self.scheduler.add_noise(latents, noise.to(latents), timesteps[:1])
        return noisy.expand(len(embeddings), -1, -1, -1), timesteps, embeddings.to(self.dtype)

    def _tapped(self, taps: Mapping[str, Tap], *given: torch.Tensor) -> Tensors:
        with Tapped(self.unet, taps):
            self.unet(*given)
        return tuple(taken(taps).values())

    def denoise(self, noisy: torch.Tensor, timesteps: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """The noise (B, c, s, s) seen in noised latents at timesteps (B,). Differentiable where the embeddings are."""
        with torch.set_grad_enabled(embeddings.requires_grad):
            given = self._placed(noisy, timesteps, embeddings)
            (predicted,) = self.recorder("noise", self._predicted, *given)
            return self._noise_of(predicted.float(), given[0], timesteps)

    def _placed(self, noisy: torch.Tensor, timesteps: torch.Tensor, embeddings: torch.Tensor) -> Tensors:
        states = embeddings.to(self.dtype).expand(len(noisy), -1, -1)
        return noisy.to(self.device, self.dtype), timesteps.to(self.device), states

    def _predicted(self, *given: torch.Tensor) -> Tensors:
        return (self.unet(*given).sample,)

    def _noise_of(self, predicted: torch.Tensor, noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """The noise that a prediction means."""
        if self.scheduler.config.prediction_type == "epsilon":
            return predicted
        kept = self.alphas[timesteps][:, None, None, None].to(predicted)  # v-prediction, as Stable Diffusion 2.1's 768
        return kept.sqrt() * predicted + (1 - kept).sqrt() * noisy.float()

    @torch.no_grad()
    def watch(self, noisy: torch.Tensor, timestep: int, embeddings: torch.Tensor) -> tuple[torch.Tensor, Attention]:
        """One whole pass on noised latents (1, c, s, s): the noise seen, and what was attended to on the way."""
        given = self._placed(noisy, torch.tensor([timestep]), embeddings)
        predicted, *maps = self.recorder("watch", self._watched, *given)
        (attention,) = attention_of(dict(zip(self._taps, maps, strict=True)), self.layers)
        return self._noise_of(predicted.float(), given[0], torch.tensor([timestep])), attention

    def _watched(self, *given: torch.Tensor) -> Tensors:
        with Tapped(self.unet, self._taps, stop=False):
            predicted = self._predicted(*given)
        return (*predicted, *taken(self._taps).values())


def _check(unet: Any, vae: Any, text_encoder: Any, name: str) -> None:
    """Raises Misconfigured where parts do not belong together, by their configurations."""
    pairs = (
        ("the text encoder's outputs", text_encoder.hidden_size, unet.cross_attention_dim),
        ("the VAE's latents", vae.latent_channels, unet.in_channels),
    )
    for what, given, wanted in pairs:
        if given != wanted:
            raise Misconfigured(
                f"backbone {name}: {what} have {given} channels, but the UNet takes {wanted}; all parts have to come "
                "from one Stable Diffusion 1 or 2 that is neither for inpainting nor XL"
            )


def whole_words(vocabulary: Mapping[str, int]) -> tuple[str, ...]:
    """The whole words in a CLIP vocabulary, of three letters and more; CLIP numbers frequent ones first."""
    ending = "</w>"
    words = [(number, token[: -len(ending)]) for token, number in vocabulary.items() if token.endswith(ending)]
    return tuple(word for _, word in sorted(words) if len(word) > 2 and word.isascii() and word.isalpha())


@contextlib.contextmanager
def swapped(table: torch.nn.Module, rows: torch.Tensor) -> Iterator[None]:
    """Let an embedding table answer with given rows for a while."""
    handle = table.register_forward_hook(lambda *_: rows)
    try:
        yield
    finally:
        handle.remove()


def load_backbone(path: str, device: torch.device, dtype: torch.dtype) -> DiffusersBackbone:
    """Load a folder, or a hub name through the hub's own cache.

    Raises Misconfigured where parts are missing or the hub cannot be reached.
    """
    patterns = [f"{part}/*.{ending}" for part in PARTS for ending in ("json", "txt", "safetensors")]
    folder = folder_of(path, [*patterns, profile.FILE_NAME])
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise Misconfigured(
            f"backbone {path}: no {', '.join(missing)} in it; a StableDiffusionPipeline folder is needed"
        )
    return DiffusersBackbone(folder, folder.name if folder == Path(path) else path, device, dtype)

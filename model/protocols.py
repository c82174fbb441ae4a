"""The seams between the method and the libraries that carry it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from model.types import Attention, Candidates, Image, ImageEmbedding, Mask, MaskPrompt, Phrase, Proposals, Tokens


class Backbone(Protocol):
    """A frozen text-to-image diffusion model, read as an attention instrument."""

    @property
    def name(self) -> str:
        """What the model is called."""

    @property
    def canvas_size(self) -> int:
        """Side S of the square picture it works on, in pixels."""

    @property
    def max_tokens(self) -> int:
        """How many tokens L it reads, specials included."""

    @property
    def words(self) -> tuple[str, ...]:
        """The whole words among its tokens, of three letters and more, the most frequent first."""

    def tokenize(self, text: str) -> Tokens:
        """Cut a text into L tokens, padded; text past the last token is left out."""

    @property
    def passes_at_once(self) -> int:
        """How many latents or texts a call should be given at once; memory grows with each."""

    @property
    def alphas(self) -> torch.Tensor:
        """Share of the picture's variance (T,) that is left at each timestep (cumulative product of 1 - beta)."""

    def inputs(self, tokens: Tokens) -> torch.Tensor:
        """Token embeddings (L, d) that go into the text encoder."""

    def embed(self, tokens: Tokens, inputs: torch.Tensor | None = None) -> torch.Tensor:
        """Text-encoder outputs (L, d), of other token embeddings (L, d) where given. Differentiable in those."""

    def encode(self, canvas: Image) -> torch.Tensor:
        """Latents (1, c, s, s) of a square picture (S, S, 3)."""

    def attend(self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0) -> tuple[Attention, ...]:
        """One noised pass at the fixed timestep, stopped after the last layer read. Differentiable in embeddings.

        embeddings: (B, L, d), of B texts, each about a picture of its own (B, c, s, s) or all about one (1, c, s, s).
        `draw`: the number of the noise, which is the same for the same number.
        """

    def glance(
        self, latents: torch.Tensor, embeddings: torch.Tensor, draw: int = 0
    ) -> tuple[tuple[torch.Tensor, ...], ...]:
        """The cross-attention alone that `attend` reads, in a shorter pass."""

    def denoise(self, noisy: torch.Tensor, timesteps: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """The noise (B, c, s, s) seen in noised latents at timesteps (B,). Differentiable in embeddings."""

    def watch(self, noisy: torch.Tensor, timestep: int, embeddings: torch.Tensor) -> tuple[torch.Tensor, Attention]:
        """One whole pass on noised latents (1, c, s, s): the noise seen, and what was attended to on the way."""


class Segmenter(Protocol):
    """SAM: an image embedding is a value, and every question brings it along."""

    @property
    def name(self) -> str:
        """What the model is called."""

    def embed(self, image: Image) -> ImageEmbedding:
        """Encode a picture (H, W, 3) once."""

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: Callable[[], None] = ...
    ) -> tuple[Candidates, ...]:
        """Candidate masks, one entry for each prompt, in few decoder calls; `give_way` is called before each."""

    def enlarge(self, embedding: ImageEmbedding, low_res_masks: torch.Tensor) -> Mask:
        """Masks (K, H, W) at the image's size from logits (K, h, w) in the low-resolution frame."""


class Parser(Protocol):
    """Finds the noun phrases of a text."""

    @property
    def name(self) -> str:
        """What the pipeline is called."""

    def phrases(self, text: str) -> tuple[Phrase, ...]:
        """Every noun phrase in order of appearance; empty when the text has no noun."""

    def name_phrase(self, text: str) -> Phrase:
        """A label read as one noun phrase: its last word is the noun, the words before it are modifiers."""


class Proposer(Protocol):
    """Offers masks for texts (PMP), next to what the segmenter makes of points and boxes."""

    @property
    def name(self) -> str:
        """What the model is called."""

    def propose(self, image: Image, texts: Sequence[str]) -> Proposals:
        """Masks of a picture (H, W, 3) for texts; without any text, masks of whatever is there (T = 0)."""

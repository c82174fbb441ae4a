"""Prompt-guided mask proposals (PMP, arXiv 2412.10292) as a `Proposer`.

A proposer is a folder: `config.json` and `model.safetensors` of `PromptedMask2Former`, and CLIP's text encoder and
tokenizer in `text_encoder` and `tokenizer`, each as transformers' `save_pretrained` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPTextModel, CLIPTokenizer

from model.adapters.check_weights import TEXT_ENCODER, ModelKind, fitted, tokenizer_of
from model.adapters.proposers.clip_naming import ClipNaming, load_clip
from model.adapters.proposers.text_query import PromptedMask2Former, TextTokens
from model.errors import Misconfigured
from model.grounding.canvas import to_canvas
from model.types import Image, Proposals

EXPECTED = (
    "expected a folder with config.json, model.safetensors, text_encoder and tokenizer, "
    "as `python -m model.training.train_proposer --export` writes it."
)
CLIP_SHARE = 0.35  # 1 - lambda: CLIP's part in the geometric mean (PMP, section 3; 0.3 to 0.5 changes nothing)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures, as Mask2Former reads them


@dataclass(frozen=True, slots=True, eq=False)
class TextEncoder:
    """CLIP's text encoder: one embedding for each text."""

    model: CLIPTextModel
    tokenizer: CLIPTokenizer

    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings (T, d) of texts, those of their end tokens; a text that is too long is cut."""
        pieces = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(self.model.device)
        return self.model(**pieces).pooler_output  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False)
class Mask2FormerProposer:
    """`Proposer` on a `PromptedMask2Former`. Not for several threads at once: see scheduler.py.

    `clip` is the second opinion on names; None where there is none, and masks are named by their embeddings alone.
    """

    name: str
    model: PromptedMask2Former
    text: TextEncoder
    clip: ClipNaming | None = None

    @torch.no_grad()
    def propose(self, image: Image, texts: Sequence[str]) -> Proposals:
        """N masks (h, w) over a picture (H, W, 3) and how surely each shows each text.

        Without any text it is plain Mask2Former: T = 0, and the masks that most surely show something come first.
        """
        pixels = normalised(to_canvas(image, self.model.config.side)[None]).to(self.model.device, self.model.dtype)
        if not texts:
            return self._anything(pixels)
        embeddings = self.text.embed(texts)[None]
        padding = torch.zeros(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
        last = self.model.rounds(pixels, TextTokens(embeddings, padding)).said[-1]
        named = last.names[0].softmax(dim=-1)[:, :-1]
        if self.clip is not None:
            named = named ** (1 - CLIP_SHARE) * self.clip.probabilities(image, last.masks[0], texts) ** CLIP_SHARE
        return Proposals(last.masks[0].float().cpu().numpy(), named.float().cpu().numpy())

    def _anything(self, pixels: torch.Tensor) -> Proposals:
        seen = self.model(pixels)
        nothing = seen.class_queries_logits[0].float().softmax(dim=-1)[:, -1]
        masks = seen.masks_queries_logits[0][nothing.argsort()].float().cpu().numpy()
        return Proposals(masks, np.zeros((len(masks), 0), np.float32))


def normalised(canvases: NDArray[np.uint8]) -> torch.Tensor:
    """Pictures (B, S, S, 3) as the model reads them, (B, 3, S, S)."""
    pixels = torch.from_numpy(canvases).permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)


def load_pmp(
    source: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, clip: str = ""
) -> Mask2FormerProposer:
    """A proposer's folder or hub name, and a CLIP checkpoint for the second opinion on names, none where it is empty.

    Raises Misconfigured where a part is missing or was not trained for prompts.
    """
    second = load_clip(clip, device, dtype) if clip else None
    kind = ModelKind(PromptedMask2Former, trouble="was not trained for prompts", remedy=EXPECTED)
    try:
        encoder = fitted(replace(TEXT_ENCODER, remedy=EXPECTED), source, device, subfolder="text_encoder")
        tokenizer = tokenizer_of(source, encoder.config.vocab_size, "tokenizer", EXPECTED)
        model = fitted(kind, source, device)
    except Misconfigured as error:
        raise Misconfigured(f"No proposer at '{source}': {error}") from error
    text = TextEncoder(encoder.to(device, dtype).eval(), tokenizer)
    name = Path(source).name + (f" with {second.name}" if second else " without CLIP")
    return Mask2FormerProposer(name, model.to(device, dtype).eval(), text, second)

"""A frozen CLIP's opinion on what masks show (PMP, arXiv 2412.10292, section 3; after FC-CLIP, arXiv 2308.02487)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from model.adapters.check_weights import ModelKind, attempt, fitted, tokenizer_of
from model.adapters.checkpoint_kind import kind_of
from model.errors import Misconfigured
from model.grounding.canvas import resize_maps, to_canvas
from model.types import Image

NOTHING = "background"  # stands in for the learned "no object", without which one lone text would always be sure; ours


@dataclass(frozen=True, slots=True, eq=False)
class ClipNaming:
    """Names masks by CLIP's patch features under them."""

    name: str
    model: CLIPModel
    tokenizer: CLIPTokenizer
    processor: CLIPImageProcessorPil

    @torch.no_grad()
    def probabilities(self, image: Image, masks: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        """How surely masks (N, h, w), logits over the whole picture (H, W, 3), show each of T texts: (N, T) in 0..1."""
        features = self._features(image)
        grid = int(features.shape[0] ** 0.5)
        cover = resize_maps(masks.float().sigmoid(), (grid, grid)).flatten(1).to(features)
        pooled = cover @ features / cover.sum(dim=1, keepdim=True).clamp(min=1e-6)
        found = functional.normalize(self.model.visual_projection(pooled), dim=-1)
        cosines = found @ self._embed((*texts, NOTHING)).T
        scale = self.model.logit_scale.exp().float()
        named: torch.Tensor = (cosines.float() * scale).softmax(dim=-1)
        return named[:, :-1]

    def _features(self, image: Image) -> torch.Tensor:
        """Patch features (g * g, d) of the picture squashed to CLIP's square."""
        vision = self.model.vision_model
        canvas = to_canvas(image, vision.config.image_size)
        pixels = self.processor(canvas, do_resize=False, do_center_crop=False, return_tensors="pt")["pixel_values"]
        states = vision(pixels.to(self.model.device, self.model.dtype)).last_hidden_state[0, 1:]
        return vision.post_layernorm(states)  # type: ignore[no-any-return]

    def _embed(self, texts: Sequence[str]) -> torch.Tensor:
        pieces = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(self.model.device)
        pooled = self.model.text_model(**pieces).pooler_output
        return functional.normalize(self.model.text_projection(pooled), dim=-1)


def load_clip(source: str, device: torch.device | str, dtype: torch.dtype) -> ClipNaming:
    """CLIP from a folder or a hub name. Raises Misconfigured when there is no CLIP to be found there."""
    if (kind := kind_of(source, "CLIP model", "a folder or a hub name is needed")) != "clip":
        raise Misconfigured(f"No CLIP model at '{source}' but {kind}: use one such as openai/clip-vit-base-patch16.")
    model = fitted(ModelKind(CLIPModel), source, device)
    tokenizer = tokenizer_of(source, model.config.text_config.vocab_size)
    read = partial(CLIPImageProcessorPil.from_pretrained, source)
    processor = attempt(read, f"The preprocessor_config.json in '{source}' cannot be loaded")
    return ClipNaming(source, model.to(device, dtype), tokenizer, processor)

"""SAM 3 of transformers as a `Proposer`: masks of every instance of a concept that a text names.

transformers' own processor needs torchvision, so pictures and texts are prepared here as it prepares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPTokenizer, Sam3Model

from model.adapters.check_weights import ModelKind, fitted, tokenizer_of
from model.grounding.canvas import to_canvas
from model.types import Image, Proposals

LEAST = 0.05  # masks with less chance are not worth their memory: 200 come for each text; ours
ANYTHING = "object"  # what is asked for where there is no text; ours


@dataclass(frozen=True, slots=True, eq=False)
class Sam3Proposer:
    """`Proposer` on a `Sam3Model`. It keeps nothing between calls, so threads may share it."""

    name: str
    model: Sam3Model
    tokenizer: CLIPTokenizer

    @torch.no_grad()
    def propose(self, image: Image, texts: Sequence[str]) -> Proposals:
        """N masks (h, w) over a picture (H, W, 3) and how surely each shows each text.

        Every text is asked for by itself, so a mask's probability of the other texts is 0. The picture is encoded once.
        """
        asked = tuple(texts) or (ANYTHING,)
        vision = self.model.get_vision_features(pixel_values=self._pixels(image))
        found = [self._instances(vision, text) for text in asked]
        masks = np.concatenate([masks for masks, _ in found])
        probabilities = np.zeros((len(masks), len(asked)), np.float32)
        first = 0
        for column, (_, scores) in enumerate(found):
            probabilities[first : first + len(scores), column] = scores
            first += len(scores)
        return Proposals(masks, probabilities[:, : len(texts)])

    def _instances(self, vision: object, text: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mask logits (K, h, w) and scores (K,), each the query's chance times the chance that the concept is there."""
        length = self.model.config.text_config.max_position_embeddings
        pieces = self.tokenizer(text, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        answer = self.model(vision_embeds=vision, **pieces.to(self.model.device))
        scores = (answer.pred_logits.float().sigmoid() * answer.presence_logits.float().sigmoid())[0]
        kept = scores.argsort(descending=True)[: int((scores >= LEAST).sum())]
        return answer.pred_masks[0, kept].float().cpu().numpy(), scores[kept].cpu().numpy()

    def _pixels(self, image: Image) -> torch.Tensor:
        """The picture squashed to the model's square, in -1..1: (1, 3, S, S)."""
        canvas = to_canvas(image, self.model.config.image_size)
        pixels = torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 127.5 - 1
        return pixels.to(self.model.device, self.model.dtype)


def load_sam3(source: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Sam3Proposer:
    """SAM 3 from a folder or a hub name such as facebook/sam3.

    Raises Misconfigured where weights do not fit.
    """
    model = fitted(ModelKind(Sam3Model, trouble="is no complete SAM 3"), source, device)
    tokenizer = tokenizer_of(source, model.config.text_config.vocab_size)
    return Sam3Proposer(source, model.to(device, dtype).eval(), tokenizer)

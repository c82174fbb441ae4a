"""The grounding term: the generator knows where each word's objects are, and cross-attention is told so.

Without it a model of this size needs many thousand steps before attention localises. Ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import CLIPTokenizer

from model.embedded.scene_language import Prompt, matches
from model.training.backbone.scene_store import MOST, SceneStore

ABSENT_CELLS = 8  # an absent word is judged by this many of its brightest cells


class MapTap:
    """An attention processor that keeps the head-averaged probabilities (B, h*w, L) of its last call, with gradient."""

    def __init__(self) -> None:
        self.maps: torch.Tensor | None = None

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: object
    ) -> torch.Tensor:
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        probabilities = (query @ key.transpose(1, 2) * attn.scale).float().softmax(-1)
        self.maps = probabilities.unflatten(0, (-1, attn.heads)).mean(1)
        mixed: torch.Tensor = attn.batch_to_head_dim(probabilities.to(value.dtype) @ value)
        answer: torch.Tensor = attn.to_out[0](mixed)
        return answer


@dataclass(frozen=True, slots=True, eq=False)
class ContentWords:
    """The content words of a batch: picture (W,), token (W,), target share of each cell (W, g, g), there (W,)."""

    picture: torch.Tensor
    token: torch.Tensor
    target: torch.Tensor
    there: torch.Tensor


def words_of(
    tokenizer: CLIPTokenizer, store: SceneStore, scenes: NDArray[np.int64], prompts: Sequence[Prompt]
) -> ContentWords:
    """Find the tokens of every content word and the cells of the objects that match the phrase up to that word."""
    offsets = tokenizer([prompt.text for prompt in prompts], return_offsets_mapping=True)["offset_mapping"]
    rows: list[tuple[int, int, NDArray[np.uint8]]] = []
    for picture, (scene, prompt) in enumerate(zip(scenes, prompts, strict=True)):
        kinds, ground = store.kinds(int(scene)), store.ground(int(scene))
        for mention in prompt.mentions:
            for count, start in enumerate(mention.starts, 1):
                target = _target(store.cover[scene], [matches(kind, mention.words[:count]) for kind in kinds])
                target = store.cover[scene][MOST] if mention.words == (ground,) else target
                end = start + len(mention.words[count - 1])
                pieces = [at for at, (a, b) in enumerate(offsets[picture]) if start <= a < b <= end]
                rows += [(picture, piece, target) for piece in pieces if piece < tokenizer.model_max_length - 1]
    pictures, tokens, targets = zip(*rows, strict=True)
    shares = torch.from_numpy(np.stack(targets)).float() / 255
    return ContentWords(torch.tensor(pictures), torch.tensor(tokens), shares, shares.flatten(1).amax(1) > 0.1)


def _target(cover: NDArray[np.uint8], fits: list[bool]) -> NDArray[np.uint8]:
    chosen = cover[:MOST][: len(fits)][fits]
    return chosen.sum(0).clip(0, 255).astype(np.uint8) if len(chosen) else np.zeros_like(cover[0])


def grounding_loss(maps: torch.Tensor, words: ContentWords, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where (minus log of the share inside) and how strongly (inside present objects, anywhere for absent ones).

    maps: (B, g*g, L) of one resolution; weight: (B,) in 0..1, zero where the picture is mostly noise.
    """
    side = int(maps.shape[1] ** 0.5)
    map_of_word = maps[words.picture, :, words.token]
    target = functional.adaptive_avg_pool2d(words.target, side).flatten(1)
    inside = (map_of_word * target).sum(1)
    where = -torch.log(inside / (map_of_word.sum(1) + 1e-6) + 1e-4)
    strength = -torch.log(inside / (target.sum(1) + 1e-6) + 1e-2)
    brightest = map_of_word.topk(min(ABSENT_CELLS, map_of_word.shape[1]), dim=1).values.mean(1)
    silence = -torch.log1p(-brightest.clamp(max=0.99))
    weights, there = weight[words.picture], words.there.float()
    share = (where * there * weights).sum() / (there * weights).sum().clamp(min=1)
    level = ((strength * there + 4 * silence * (1 - there)) * weights).sum() / weights.sum().clamp(min=1)
    return share, level


Capture = Callable[[], list[torch.Tensor]]


def tap_cross_attention(unet: torch.nn.Module) -> Capture:
    """Put a tap on every decoder cross-attention layer; the answer gives, per resolution, their mean (B, h*w, L).

    The decoder's alone: the encoder's first layers see too little of the picture to tell shapes apart.
    """
    names = [name for name, _ in unet.named_modules() if name.startswith("up_blocks") and name.endswith("attn2")]
    taps = {name: MapTap() for name in names}
    for name, tap in taps.items():
        unet.get_submodule(name).set_processor(tap)  # type: ignore[operator]

    def read() -> list[torch.Tensor]:
        maps = [tap.maps for tap in taps.values() if tap.maps is not None]
        sizes = sorted({each.shape[1] for each in maps})
        return [torch.stack([each for each in maps if each.shape[1] == size]).mean(0) for size in sizes]

    return read

"""How coherent each self-attention head is: the share of an object's attention that stays inside that object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures

from model.adapters.diffusers.attention_tap import Tap
from model.adapters.diffusers.backbone import DiffusersBackbone
from model.embedded.scenes import Scene
from model.evaluation.scenarios.questions import SceneQuestion
from model.grounding.canvas import to_canvas

TEMPERATURE = 0.05  # of the weights below; ours


@dataclass(frozen=True, slots=True, eq=False)
class Coherence:
    """Per head (heads,): attention of an object's cells to itself, to other objects, to the ground; shares of 1."""

    own: NDArray[np.float64]
    others: NDArray[np.float64]
    ground: NDArray[np.float64]

    def weights(self) -> tuple[float, ...]:
        """Softmax of the own shares: coherent heads count, the others hardly do."""
        powers = np.exp((self.own - self.own.max()) / TEMPERATURE)
        return tuple(round(float(weight), 4) for weight in powers / powers.sum())


def coherence(backbone: DiffusersBackbone, asked: Iterable[SceneQuestion]) -> Coherence:
    """Measure the layer that the engine reads on pictures whose objects are known."""
    rows = [row for question in asked for row in _shares(backbone, question.scene)]
    own, others, ground = np.array(rows).mean(0)
    return Coherence(own, others, ground)


def _shares(backbone: DiffusersBackbone, scene: Scene) -> list[NDArray[np.float64]]:
    """For each object (3, heads): where its cells look."""
    maps = head_maps(backbone, scene.image).numpy().astype(np.float64)  # (heads, n, n)
    side = int(maps.shape[1] ** 0.5)
    cover = np.stack([_cells(thing.mask, side) for thing in scene.objects])  # (objects, n) in 0..1
    shares = []
    for number, own in enumerate(cover):
        inside = own > 0.7
        if not inside.any():
            continue
        looked = maps[:, inside].mean(1)  # (heads, n)
        to_own = (looked * own).sum(1)
        to_others = (looked * np.delete(cover, number, axis=0).sum(0)).sum(1)
        shares.append(np.stack([to_own, to_others, 1 - to_own - to_others]))
    return shares


@torch.no_grad()
def head_maps(backbone: DiffusersBackbone, image: NDArray[np.uint8]) -> torch.Tensor:
    """Every head (heads, n, n) of the self-attention layer that is read, for an empty text."""
    module = backbone.unet.get_submodule(backbone.layers.among)
    tap = Tap(torch.eye(module.heads))
    latents = backbone.encode(to_canvas(image, backbone.canvas_size))
    (maps,) = backbone.run(latents, backbone.embed(backbone.tokenize(""))[None], {backbone.layers.among: tap})
    return maps[0]


def _cells(mask: NDArray[np.bool_], side: int) -> NDArray[np.float64]:
    """The share of each cell (side * side,) that a mask (H, W) covers."""
    picture = Pictures.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize((side, side), Pictures.Resampling.BOX), np.float64).ravel() / 255

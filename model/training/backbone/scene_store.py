"""Thousands of scenes as the backbone's training sees them: latents and, per object, its share of each cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image as Pictures

from model.embedded import scenes
from model.embedded.scenes import COLOURS, GROUNDS, SHAPES, SIZES, TEXTURES, Kind, Scene

SIZE = 128
GRID = 16
MOST = 5
DRAWN_AT = ((128, 128), (128, 128), (192, 192), (120, 160), (160, 120), (256, 256))  # then squashed to the canvas
FIRST_SEED = 20_000_000  # held-out scenes: scenes.HELD_OUT
VALUES = (SHAPES, tuple(COLOURS), TEXTURES, tuple(SIZES))


@dataclass(frozen=True, slots=True, eq=False)
class SceneStore:
    """N scenes: latents (N, c, g, g), posterior means; cover (N, 6, g, g) in 0..255, five objects, then the ground."""

    latents: NDArray[np.float16]
    cover: NDArray[np.uint8]
    codes: NDArray[np.int8]  # (N, 5, 4) indices into VALUES, -1 where there is no object
    grounds: NDArray[np.int8]  # (N,) indices into GROUNDS

    def kinds(self, scene: int) -> list[Kind]:
        """The kinds of one scene's objects, back to front."""
        return [Kind(*(VALUES[i][code] for i, code in enumerate(row))) for row in self.codes[scene] if row[0] >= 0]

    def ground(self, scene: int) -> str:
        """The name of one scene's ground."""
        return list(GROUNDS)[int(self.grounds[scene])]


def prepare(path: Path, vae: AutoencoderKL, count: int) -> SceneStore:
    """Draw and encode `count` scenes, or read back what an earlier run stored at `path`."""
    if not path.exists():
        chunks = [_chunk(vae, at, min(at + 64, count)) for at in range(0, count, 64)]
        np.savez(path, **{name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]})
    with np.load(path) as stored:
        return SceneStore(**stored)


def _chunk(vae: AutoencoderKL, first: int, last: int) -> dict[str, NDArray[np.generic]]:
    drawn = [scenes.draw(FIRST_SEED + number, DRAWN_AT[number % len(DRAWN_AT)]) for number in range(first, last)]
    return {
        "latents": _latents(vae, drawn),
        "cover": np.stack([_cover(scene) for scene in drawn]),
        "codes": np.stack([_codes(scene) for scene in drawn]),
        "grounds": np.array([tuple(GROUNDS).index(scene.ground) for scene in drawn], np.int8),
    }


@torch.no_grad()
def _latents(vae: AutoencoderKL, drawn: list[Scene]) -> NDArray[np.float16]:
    canvases = [Pictures.fromarray(scene.image).resize((SIZE, SIZE), Pictures.Resampling.BICUBIC) for scene in drawn]
    batch = torch.from_numpy(np.stack([np.asarray(canvas) for canvas in canvases])).permute(0, 3, 1, 2)
    return np.asarray(vae.encode(batch.float() / 127.5 - 1).latent_dist.mean.half().numpy())


def _cover(scene: Scene) -> NDArray[np.uint8]:
    masks = [*(thing.mask for thing in scene.objects)]
    masks += [np.zeros_like(scene.ground_mask)] * (MOST - len(masks)) + [scene.ground_mask]
    shares = [
        Pictures.fromarray(mask.astype(np.uint8) * 255).resize((GRID, GRID), Pictures.Resampling.BOX) for mask in masks
    ]
    return np.stack([np.asarray(share) for share in shares])


def _codes(scene: Scene) -> NDArray[np.int8]:
    codes = np.full((MOST, len(VALUES)), -1, np.int8)
    for row, thing in enumerate(scene.objects):
        kind = thing.kind
        said = (kind.shape, kind.colour, kind.texture, kind.size)
        codes[row] = [values.index(value) for values, value in zip(VALUES, said, strict=True)]
    return codes

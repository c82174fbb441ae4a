"""The other configurations, each of them run once: Stable Diffusion 1.5, SAM ViT-B, Mask2Former with Swin-B."""

from __future__ import annotations

import numpy as np
import torch

from backend.samples import clear_scenes
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import models
from tests.benchmarks.full.alike import GREATEST_ERROR, difference
from tests.benchmarks.full.measure import Setting, measured, quickest
from tests.benchmarks.full.path import made, ours, textbook
from tests.benchmarks.full.rows import Row, Section
from tests.benchmarks.full.sam import as_textbook, click, touched

TEXTS = ("the dog", "the cat")


def section(setting: Setting) -> Section:
    """Time and memory of each, beside the textbook where there is one."""
    yield from diffusion(setting)
    yield from segmenter(setting)
    yield from proposer(setting)


def diffusion(setting: Setting) -> Section:
    """Stable Diffusion 1.5 from a picture to refined maps."""
    bench = made(setting, "sd15")
    for part in (bench.backbone.unet, bench.backbone.text_encoder, bench.backbone.vae):
        touched(part)
    wording = bench.words(1)
    their, our = textbook(bench, wording), ours(bench, wording)
    yield Row("Stable Diffusion 1.5: latents to refined maps", "s", our.maps.seconds, their.maps.seconds)
    yield Row("  its memory beyond the weights", "GB", our.maps.grown / 2**30, their.maps.grown / 2**30)
    error = difference(our.maps.value.scores, their.maps.value.scores)
    yield Figure("  refined maps, relative error", error, "", GREATEST_ERROR if setting.dtype is torch.float32 else 1)


def segmenter(setting: Setting) -> Section:
    """SAM ViT-B: a picture encoded, and a click."""
    sam = models.segmenter("tiny" if setting.small else "vit_b", setting.device, setting.dtype)
    touched(sam.model)
    image = np.random.default_rng(5).integers(0, 256, (768, 1024, 3), np.uint8)
    with as_textbook(sam) as plain:
        theirs = measured(lambda: plain.embed(image), setting.device)
    ours = measured(lambda: sam.embed(image), setting.device)
    yield Row("SAM ViT-B: a picture encoded", "s", ours.seconds, theirs.seconds)
    yield Row("  its memory beyond the weights", "GB", ours.grown / 2**30, theirs.grown / 2**30)
    one = quickest(lambda: sam.decode(ours.value, [click(0, image)]), setting.device)
    yield Row("  a click (textbook: encoded again)", "s", one, theirs.seconds + one)


def proposer(setting: Setting) -> Section:
    """Mask2Former with Swin-B: masks of a picture for two texts. The textbook has none."""
    if setting.small:
        return  # there is no tiny one
    found = models.proposer(setting.device, setting.dtype)
    touched(found.model)
    image = clear_scenes(1, 512)[0].image
    taken = [measured(lambda: found.propose(image, TEXTS), setting.device) for _ in range(2)]
    yield Row(f"Mask2Former, Swin-B: {len(TEXTS)} texts, 640 px", "s", min(each.seconds for each in taken))
    yield Row("  its memory beyond the weights", "GB", taken[-1].grown / 2**30)

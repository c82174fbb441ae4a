"""SAM at full size: encoding once and clicking often, its memory, and the way in from a file.

The textbook is SAM's own code in short: all heads' relative positions and probabilities of an attention layer at once,
the picture encoded again for every click, one prompt in a decoder call, a checkpoint read and then copied into a model,
masks written by Label Studio's SDK.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import SamModel
from transformers.models.sam.modeling_sam import SamVisionAttention

from model.adapters.sam.official_checkpoint import geometry, renamed
from model.adapters.sam.segmenter import SamSegmenter, load_sam
from model.grounding.features import halved
from model.types import Candidates, Image, ImageEmbedding, MaskPrompt
from tests.benchmarks.codec import timings
from tests.benchmarks.figures import Figure
from tests.benchmarks.full import models
from tests.benchmarks.full.measure import Setting, measured, quickest
from tests.benchmarks.full.rows import Row, Section
from tests.benchmarks.full.written import PLAIN
from tests.model.adapters.sam.test_sam_parity import torchvision_stand_in

CLICKS = 10
BUDGET = 15.0  # milliseconds of a click on a graphics card


def section(setting: Setting) -> Section:
    """Encoding and clicking; on a CPU loading and the masks' code, too, which are the same on every device."""
    segmenter = models.segmenter("tiny" if setting.small else "vit_h", setting.device, setting.dtype)
    image = np.random.default_rng(5).integers(0, 256, (768, 1024, 3), np.uint8)
    touched(segmenter.model)
    yield from clicking(segmenter, image, setting)
    del segmenter
    if setting.device.type == "cpu":
        yield from loading(setting)
        yield from coding()


def clicking(segmenter: SamSegmenter, image: Image, setting: Setting) -> Section:
    """One picture encoded, clicks on it, several prompts at once."""
    prompts = [click(number, image) for number in range(16)]
    with as_textbook(segmenter) as plain:
        theirs = measured(lambda: plain.embed(image), setting.device)
    ours = measured(lambda: segmenter.embed(image), setting.device)
    kept = halved(ours.value)
    one = quickest(lambda: segmenter.decode(kept, prompts[:1]), setting.device)
    together = quickest(lambda: segmenter.decode(kept, prompts), setting.device)
    singly = quickest(lambda: [segmenter.decode(kept, [prompt]) for prompt in prompts], setting.device)
    yield Row("a picture encoded", "s", ours.seconds, theirs.seconds)
    yield Row("  its memory beyond the weights", "GB", ours.grown / 2**30, theirs.grown / 2**30)
    yield Row(
        "ten clicks on one picture (textbook: ten times one)",
        "s",
        ours.seconds + CLICKS * one,
        CLICKS * (theirs.seconds + one),
    )
    yield Figure("a click", 1000 * one, "ms", BUDGET if setting.device.type == "cuda" else None)
    yield Row("16 prompts (textbook: one by one)", "s", together, singly)
    yield Row("the picture in the cache", "MB", size(kept), size(theirs.value))
    found, wanted = masks_of(segmenter, kept, prompts), masks_of(segmenter, theirs.value, prompts)
    overlaps = (found & wanted).sum((1, 2)) / np.maximum((found | wanted).sum((1, 2)), 1)
    yield Figure("least IoU of 16 masks with the textbook's", float(overlaps.min()), "", 0.99, least=True)


def loading(setting: Setting) -> Section:
    """Memory until every weight was used once, from an official file and from a folder."""
    shape = (32, 2, 2, [1]) if setting.small else (1280, 32, 16, [7, 15, 23, 31])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sam.pth"
        official(path, *shape)
        theirs = measured(lambda: touched(copied(path)), torch.device("cpu"))
        ours = measured(lambda: touched(load_sam(str(path)).model), torch.device("cpu"))
        yield Row(
            "a .pth loaded and read", "GB", ours.grown / 2**30, theirs.grown / 2**30, floor=path.stat().st_size / 2**30
        )
        yield Row("  its time", "s", ours.seconds, theirs.seconds)
    source = models.segmenter_folder("tiny" if setting.small else "vit_h")
    again = measured(lambda: touched(load_sam(str(source)).model), torch.device("cpu"))
    yield Row(
        "a folder loaded and read",
        "GB",
        again.grown / 2**30,
        floor=sum(each.stat().st_size for each in source.glob("*.safetensors")) / 2**30,
    )


def coding() -> Section:
    """Label Studio's run-length code, of blobs on a megapixel."""
    coarse = np.random.default_rng(6).normal(size=(12, 12)).astype(np.float32)
    mask = cv2.resize(coarse, (1024, 1024), interpolation=cv2.INTER_CUBIC) > 0.5
    spent = timings(mask)
    yield Row("a mask written", "ms", 1000 * spent["encode"], 1000 * spent["encode_sdk"])
    yield Row("a mask read", "ms", 1000 * spent["decode"], 1000 * spent["decode_sdk"])


@contextmanager
def as_textbook(segmenter: SamSegmenter) -> Iterator[SamSegmenter]:
    """The same weights with every attention layer's probabilities of all heads in memory, and nothing recorded."""
    layers = [layer.attn for layer in segmenter.model.vision_encoder.layers]
    before = [layer.__dict__.get("forward") for layer in layers]
    for layer in layers:
        layer.forward = partial(SamVisionAttention.forward, layer)
    yield replace(segmenter, recorder=PLAIN)
    for layer, forward in zip(layers, before, strict=True):
        del layer.forward
        if forward is not None:
            layer.forward = forward


def official(path: Path, width: int, depth: int, heads: int, looking: list[int]) -> None:
    """A checkpoint as the segment-anything package writes it, with random weights."""
    with mock.patch.dict(sys.modules, torchvision_stand_in()), torch.device("meta"):
        from segment_anything.build_sam import _build_sam  # type: ignore[import-untyped, unused-ignore]

        state = _build_sam(width, depth, heads, looking).state_dict()
    torch.save({name: torch.randn(weight.shape) * 0.02 for name, weight in state.items()}, path)


def copied(path: Path) -> SamModel:
    """A model filled from a file in the plain way: both are in memory, and then the model alone."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = SamModel(geometry(state))
    model.load_state_dict(renamed(state))
    return model


def touched(model: torch.nn.Module) -> float:
    """Read every weight once."""
    return sum(float(weight.detach().sum()) for weight in model.parameters())


def click(number: int, image: Image) -> MaskPrompt:
    """A point somewhere in a picture, one mask asked for."""
    point = np.random.default_rng(number).uniform(0, image.shape[:2][::-1], (1, 2)).astype(np.float32)
    return MaskPrompt(point, np.ones(1, np.int64), multimask_output=False)


def masks_of(segmenter: SamSegmenter, embedding: ImageEmbedding, prompts: list[MaskPrompt]) -> NDArray[np.bool_]:
    """The masks (16, H, W) of all prompts; random weights have no zero to cut at, so each is cut at its median."""
    found: tuple[Candidates, ...] = segmenter.decode(embedding, prompts)
    logits = torch.from_numpy(np.concatenate([each.low_res_masks for each in found]))
    return segmenter.enlarge(embedding, logits - logits.flatten(1).median(1).values[:, None, None])


def size(embedding: ImageEmbedding) -> float:
    """MB of an embedding."""
    return embedding.features.nelement() * embedding.features.element_size() / 2**20

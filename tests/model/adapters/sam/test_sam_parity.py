"""Equal answers with the `segment-anything` package at ViT-B widths, from the same random weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

from model.adapters.sam.segmenter import SamSegmenter, load_sam
from model.types import ImageEmbedding, MaskPrompt


def resize(picture: Pictures.Image, size: tuple[int, int]) -> Pictures.Image:
    """What torchvision does with a PIL picture by default."""
    return picture.resize(size[::-1], Pictures.Resampling.BILINEAR)


def torchvision_stand_in() -> dict[str, ModuleType]:
    """The few torchvision names that the package imports; only the first two are ever called here."""
    names = ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms")
    modules = {name: ModuleType(name) for name in (*names, "torchvision.transforms.functional")}
    vars(modules["torchvision.transforms.functional"]).update(resize=resize, to_pil_image=Pictures.fromarray)
    vars(modules["torchvision.ops.boxes"]).update(batched_nms=None, box_area=None)
    return modules


@pytest.fixture(scope="module")
def oracle() -> Iterator[Any]:
    """The package's predictor on a ViT-B of two layers, one windowed and one global, with lively random weights."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in torchvision_stand_in().items():
            patch.setitem(sys.modules, name, module)
        from segment_anything import SamPredictor  # type: ignore[import-untyped, unused-ignore]
        from segment_anything.build_sam import _build_sam

        torch.manual_seed(0)
        sam = _build_sam(768, 2, 12, [1])
        for name, weight in sam.named_parameters():
            if name.endswith(("pos_embed", "rel_pos_h", "rel_pos_w")):
                torch.nn.init.normal_(weight, std=0.1)
        yield SamPredictor(sam)
        for name in [name for name in sys.modules if name.startswith("segment_anything")]:
            patch.delitem(sys.modules, name)


@pytest.fixture(scope="module")
def ours(oracle: Any, tmp_path_factory: pytest.TempPathFactory) -> SamSegmenter:
    path = tmp_path_factory.mktemp("checkpoint") / "sam_vit_b.pth"
    torch.save(oracle.model.state_dict(), path)
    return load_sam(str(path))


@pytest.fixture(scope="module")
def embedding(oracle: Any, ours: SamSegmenter) -> ImageEmbedding:
    """A wide picture of coloured noise, set in the oracle and embedded by ours."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    image = np.asarray(Pictures.fromarray(coarse).resize((310, 190), Pictures.Resampling.BICUBIC))
    oracle.set_image(image)
    return ours.embed(image)


POINTS = np.array([[40.0, 60.0], [200.5, 10.25]], np.float32)
LABELS = np.array([1, 0])
BOX = np.array([20.0, 30.0, 250.0, 160.0], np.float32)
LOGITS = np.random.default_rng(1).normal(0, 4, (256, 256)).astype(np.float32)
NO_POINTS = np.zeros((0, 2), np.float32)
NO_LABELS = np.zeros(0, np.int64)


def test_a_checkpoint_is_mapped_into_memory_and_not_copied(ours: SamSegmenter) -> None:
    weight = ours.model.vision_encoder.layers[0].mlp.lin1.weight
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(ours.name)]
    ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in lines]
    assert any(start <= weight.data_ptr() < end for start, end in ranges)


def test_embeddings_are_equal(oracle: Any, embedding: ImageEmbedding) -> None:
    assert embedding.input_size == oracle.input_size
    torch.testing.assert_close(embedding.features, oracle.get_image_embedding(), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "prompt",
    [
        MaskPrompt(POINTS, LABELS),
        MaskPrompt(POINTS[:1], LABELS[:1], multimask_output=False),
        MaskPrompt(NO_POINTS, NO_LABELS, box=BOX),
        MaskPrompt(POINTS, LABELS, box=BOX, multimask_output=False),
        MaskPrompt(POINTS, LABELS, mask_input=LOGITS, multimask_output=False),
        MaskPrompt(POINTS, LABELS, box=BOX, mask_input=LOGITS),
    ],
    ids=["points", "one point", "box", "points and box", "points and mask", "all"],
)
def test_masks_and_scores_are_equal(
    oracle: Any, ours: SamSegmenter, embedding: ImageEmbedding, prompt: MaskPrompt
) -> None:
    masks, ious, low_res_masks = oracle.predict(
        point_coords=prompt.point_coords if len(prompt.point_labels) else None,
        point_labels=prompt.point_labels if len(prompt.point_labels) else None,
        box=prompt.box,
        mask_input=None if prompt.mask_input is None else prompt.mask_input[None],
        multimask_output=prompt.multimask_output,
    )
    (found,) = ours.decode(embedding, [prompt])
    np.testing.assert_allclose(found.low_res_masks, low_res_masks, atol=2e-4, rtol=1e-3)
    np.testing.assert_allclose(found.iou_predictions, ious, atol=1e-4)
    enlarged = ours.enlarge(embedding, torch.from_numpy(found.low_res_masks))
    assert (enlarged == masks).mean() > 0.9999

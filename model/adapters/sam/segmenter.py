"""SAM of transformers as a `Segmenter`: any size, from the embedded one to ViT-H, without torchvision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from torch.nn import functional
from transformers import SamModel
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from model.adapters.check_weights import ModelKind, fitted
from model.adapters.checkpoint_kind import kind_of
from model.adapters.sam.encoder_attention import attend_lightly
from model.adapters.sam.official_checkpoint import read_official
from model.errors import BadQuery, Misconfigured
from model.runtime.cuda_graphs import GraphRecorder, Tensors
from model.types import Candidates, Image, ImageEmbedding, Mask, MaskPrompt

# What keeps a device busy, where more only costs memory: numbers of the picture's embedding, counted once for each
# prompt of a decoder call (2**20 at ViT-B, L and H geometry), and prompts. Ours: on a CPU a prompt costs 78 ms in pairs
# there, 86 alone and 122 by sixteens, whose intermediate results are so large that the system hands out their memory
# anew each time; at the embedded model's geometry 3.7 ms by eights, 6.1 alone, 4.5 by sixteens. "cuda": not measured.
BUSY = {"cpu": (2**21, 8), "cuda": (2**24, 16)}

EXPECTED = (
    "expected a folder with config.json and model.safetensors, a hub name such as facebook/sam-vit-base, "
    "or a segment-anything .pth file."
)


@dataclass(frozen=True, slots=True)
class Square:
    """SAM's frame: the picture's longest side becomes `side` pixels, the rest is padded at the bottom and right.

    Low-resolution masks cover the whole square with `low` cells a side. Segment Anything's `ResizeLongestSide`.
    """

    side: int
    low: int

    def input_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The resized picture's (H, W), the longest being `side`; a thread of a picture keeps one pixel."""
        scale = self.side / max(size)
        return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))

    def points(self, coords: NDArray[np.float32], embedding: ImageEmbedding) -> NDArray[np.float32]:
        """Points (N, 2) XY from image pixels to pixels of the square."""
        (height, width), (input_height, input_width) = embedding.size, embedding.input_size
        return coords.astype(np.float32) * np.array([input_width / width, input_height / height], np.float32)

    def box(self, box: NDArray[np.float32], embedding: ImageEmbedding) -> NDArray[np.float32]:
        """A box (4,) XYXY from image pixels to pixels of the square."""
        return self.points(box.reshape(2, 2), embedding).reshape(4)

    def valid(self, input_size: tuple[int, int]) -> tuple[int, int]:
        """How many rows and columns of the low-resolution frame the picture reaches into."""
        return -(-input_size[0] * self.low // self.side), -(-input_size[1] * self.low // self.side)

    def enlarge(self, logits: NDArray[np.float32], embedding: ImageEmbedding) -> NDArray[np.float32]:
        """Logits (H, W) at the image's size from logits (h, w) in the low-resolution frame, bilinear in two steps.

        OpenCV's resize is torch's `interpolate` without `align_corners`, four times as fast on a CPU.
        """
        square = cv2.resize(logits, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        height, width = embedding.input_size
        enlarged = cv2.resize(square[:height, :width], embedding.size[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class SamSegmenter:
    """`Segmenter` on a `SamModel`. On a CPU it keeps nothing between calls, so threads may share it there."""

    name: str
    model: SamModel
    recorder: GraphRecorder

    @property
    def square(self) -> Square:
        """The geometry that the model's configuration gives."""
        vision = self.model.config.vision_config
        return Square(vision.image_size, 4 * vision.image_size // vision.patch_size)

    @property
    def prompts_at_once(self) -> int:
        """How many prompts share a decoder call; each costs about 60 MB at ViT-B, L and H geometry."""
        vision = self.model.config.vision_config
        numbers, most = BUSY["cpu" if self.model.device.type == "cpu" else "cuda"]
        each = vision.output_channels * (vision.image_size // vision.patch_size) ** 2
        return max(1, min(most, numbers // int(each)))

    def embed(self, image: Image) -> ImageEmbedding:
        """Encode a picture (H, W, 3) RGB uint8 of any size and aspect."""
        height, width = image.shape[:2]
        input_size = self.square.input_size((height, width))
        with torch.no_grad(), torch.autocast(self.model.device.type, enabled=False):
            (features,) = self.recorder("picture", self._encoded, self._pixels(image, input_size))
        return ImageEmbedding(features, (height, width), input_size)

    def decode(
        self, embedding: ImageEmbedding, prompts: Sequence[MaskPrompt], give_way: Callable[[], None] = lambda: None
    ) -> tuple[Candidates, ...]:
        """Candidates for each prompt, K = 3 with `multimask_output`, else 1. Prompts of one shape share calls.

        Raises BadQuery for a prompt without point, box or mask, and for a mask of another frame than this model's.
        """
        frame = self.square.low, self.square.low
        if any(prompt.mask_input is not None and prompt.mask_input.shape != frame for prompt in prompts):
            raise BadQuery("The mask to refine comes from another model: start again with one click.")
        answers: dict[int, Candidates] = {}
        for indices in _alike(prompts, self.prompts_at_once):
            give_way()
            found = self._call(embedding, [prompts[index] for index in indices])
            answers.update(zip(indices, found, strict=True))
        return tuple(answers[index] for index in range(len(prompts)))

    def enlarge(self, embedding: ImageEmbedding, low_res_masks: torch.Tensor) -> Mask:
        """Masks (K, H, W): the padding cut off, resized to the image's size, on the object where a logit is above 0."""
        masks = np.empty((len(low_res_masks), *embedding.size), np.bool_)
        for mask, logits in zip(masks, low_res_masks.float().cpu().numpy(), strict=True):
            np.greater(self.square.enlarge(logits, embedding), 0, out=mask)
        return masks

    def _encoded(self, pixels: torch.Tensor) -> Tensors:
        return (self.model.vision_encoder(pixels).last_hidden_state,)

    def _pixels(self, image: Image, input_size: tuple[int, int]) -> torch.Tensor:
        """The picture resized, normalised and padded: (1, 3, side, side)."""
        resized = np.array(Pictures.fromarray(image).resize(input_size[::-1], Pictures.Resampling.BILINEAR))
        pixels = torch.from_numpy(resized).to(self.model.device).permute(2, 0, 1)[None].float() / 255
        mean, deviation = (
            pixels.new_tensor(each)[:, None, None] for each in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
        )
        height, width = input_size
        edges = (0, self.square.side - width, 0, self.square.side - height)
        return functional.pad((pixels - mean) / deviation, edges).to(self.model.dtype)

    def _call(self, embedding: ImageEmbedding, prompts: list[MaskPrompt]) -> list[Candidates]:
        """One decoder call. Each prompt brings a copy of the picture: SamModel takes mask prompts in no other way."""
        features = embedding.features.to(self.model.device, self.model.dtype).expand(len(prompts), -1, -1, -1)
        given = {"image_embeddings": features, **self._tensors(embedding, prompts)}
        multimask = prompts[0].multimask_output
        with torch.no_grad(), torch.autocast(self.model.device.type, enabled=False):
            decode = partial(self._decoded, tuple(given), multimask)
            found = self.recorder(("masks", multimask, *given), decode, *given.values())
        logits, ious = (each[:, 0].float().cpu().numpy() for each in found)
        valid = self.square.valid(embedding.input_size)
        return [Candidates(logits[index], ious[index], valid) for index in range(len(prompts))]

    def _decoded(self, names: tuple[str, ...], multimask: bool, *given: torch.Tensor) -> Tensors:
        answer = self.model(**dict(zip(names, given, strict=True)), multimask_output=multimask)
        return answer.pred_masks, answer.iou_scores

    def _tensors(self, embedding: ImageEmbedding, prompts: list[MaskPrompt]) -> dict[str, torch.Tensor]:
        """Points (P, 1, N, 2), labels (P, 1, N), boxes (P, 1, 4) and mask logits (P, 1, h, w), as far as there are."""
        square, given = self.square, {}
        if len(prompts[0].point_labels):
            given["input_points"] = self._stack([square.points(each.point_coords, embedding) for each in prompts])
            labels = np.stack([each.point_labels for each in prompts])
            given["input_labels"] = torch.from_numpy(labels)[:, None].to(self.model.device)
        if boxes := [square.box(each.box, embedding) for each in prompts if each.box is not None]:
            given["input_boxes"] = self._stack(boxes)
        if masks := [each.mask_input for each in prompts if each.mask_input is not None]:
            given["input_masks"] = self._stack(masks).to(self.model.dtype)
        return given

    def _stack(self, arrays: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        """In float32: half precision would round a place beyond pixel 512 to four pixels."""
        return torch.from_numpy(np.stack(arrays))[:, None].to(self.model.device)


def _alike(prompts: Sequence[MaskPrompt], at_once: int) -> Iterator[list[int]]:
    """Indices of the prompts that one decoder call can take together, up to a number."""
    groups: dict[tuple[int, bool, bool, bool], list[int]] = {}
    for index, prompt in enumerate(prompts):
        shape = (len(prompt.point_labels), prompt.box is not None, prompt.mask_input is not None)
        if shape == (0, False, False):
            raise BadQuery("A region needs a point, a box or a rough mask to start from.")
        groups.setdefault((*shape, prompt.multimask_output), []).append(index)
    for group in groups.values():
        yield from (group[start : start + at_once] for start in range(0, len(group), at_once))


def load_sam(source: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> SamSegmenter:
    """SAM from a transformers folder, a hub name, or an official segment-anything `.pth` file.

    On the device "meta" no weight is read. Raises Misconfigured where there is no SAM, or weights do not fit it.
    """
    model = read_official(Path(source)) if source.endswith((".pth", ".pt")) else _read_folder(source, device)
    model.to(device, dtype).eval().requires_grad_(False)
    attend_lightly(model)
    model.mask_decoder.transformer.register_forward_pre_hook(by_cells, with_kwargs=True)
    return SamSegmenter(source, model, GraphRecorder(torch.device(device)))


def by_cells(_: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Lay the picture (P, C, h, w) out cell by cell before SAM's decoder reads it as tokens.

    The same numbers: channel by channel, all that the first layer adds and multiplies would jump through memory.
    """
    pictures = ("image_embeddings", "image_positional_embeddings")
    return positional, named | {name: named[name].contiguous(memory_format=torch.channels_last) for name in pictures}


def _read_folder(source: str, device: torch.device | str) -> SamModel:
    if (kind := kind_of(source, "SAM model", EXPECTED)) != "sam":
        raise Misconfigured(f"No SAM model at '{source}' but {kind}: {EXPECTED}")
    return fitted(ModelKind(SamModel, trouble="is no complete SAM model"), source, device)

"""The SAM adapter on small real models: any size in, masks of that size out, nothing kept between calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures
from transformers import SamConfig, SamImageProcessorPil, SamModel, SamVisionConfig

from model.adapters.sam.segmenter import SamSegmenter, Square, by_cells, load_sam
from model.errors import BadQuery, Misconfigured
from model.runtime.cuda_graphs import GraphRecorder
from model.types import Image, ImageEmbedding, MaskPrompt

SQUARE = Square(256, 128)
sides = st.integers(1, 5000)


def tiny_sam() -> SamModel:
    """A SAM of two narrow layers on 64 pixels."""
    torch.manual_seed(0)
    vision = {"hidden_size": 32, "output_channels": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    geometry = {"image_size": 64, "patch_size": 8, "window_size": 4, "global_attn_indexes": [1], "num_pos_feats": 16}
    prompt = {"hidden_size": 32, "image_size": 64, "patch_size": 8}
    decoder = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32}
    model = SamModel(
        SamConfig(
            vision_config=vision | geometry | {"initializer_range": 0.2},
            prompt_encoder_config=prompt,
            mask_decoder_config=decoder,
            initializer_range=0.2,
        )
    )
    return model.eval()


@pytest.fixture(scope="module")
def segmenter() -> SamSegmenter:
    return SamSegmenter("tiny", tiny_sam(), GraphRecorder(torch.device("cpu")))


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def at(x: float, y: float, several: bool = True) -> MaskPrompt:
    return MaskPrompt(np.array([[x, y]], np.float32), np.ones(1, np.int64), multimask_output=several)


def boxed(*sides: float) -> MaskPrompt:
    return MaskPrompt(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), box=np.array(sides, np.float32))


@given(sides, sides)
def test_the_longest_side_fills_the_square(height: int, width: int) -> None:
    size = SQUARE.input_size((height, width))
    assert max(size) == 256
    assert min(size) >= 1
    assert abs(size[0] * width - size[1] * height) <= 0.5 * max(height, width) + 256 * (min(size) == 1) * 5000


@given(sides, sides, st.floats(0, 1), st.floats(0, 1))
def test_points_keep_their_place_in_the_picture(height: int, width: int, right: float, down: float) -> None:
    input_size = SQUARE.input_size((height, width))
    embedding = ImageEmbedding(torch.empty(0), (height, width), input_size)
    ((x, y),) = SQUARE.points(np.array([[right * width, down * height]], np.float32), embedding)
    assert x == pytest.approx(right * input_size[1], abs=1e-2)
    assert y == pytest.approx(down * input_size[0], abs=1e-2)


@given(sides, sides)
def test_the_valid_cells_cover_the_picture_and_no_more(height: int, width: int) -> None:
    input_size = SQUARE.input_size((height, width))
    for cells, pixels in zip(SQUARE.valid(input_size), input_size, strict=True):
        assert pixels <= cells * 2 < pixels + 2


@pytest.mark.parametrize("size", [(64, 64), (30, 90), (90, 30), (7, 300), (300, 7), (1, 400), (200, 150)])
def test_masks_come_back_at_the_size_of_the_picture(segmenter: SamSegmenter, size: tuple[int, int]) -> None:
    embedding = segmenter.embed(noise(*size))
    (found,) = segmenter.decode(embedding, [at(size[1] / 2, size[0] / 2)])
    assert found.low_res_masks.shape == (3, 32, 32)
    assert found.iou_predictions.shape == (3,)
    masks = segmenter.enlarge(embedding, torch.from_numpy(found.low_res_masks))
    assert masks.shape == (3, *size)
    assert masks.dtype == np.bool_


@pytest.mark.parametrize("size", [(120, 300), (300, 120)])
def test_enlarging_leaves_out_the_padding(segmenter: SamSegmenter, size: tuple[int, int]) -> None:
    embedding = segmenter.embed(noise(*size))
    height, width = segmenter.square.valid(embedding.input_size)
    logits = torch.full((1, 32, 32), -5.0)
    logits[:, : height // 2, :width] = 5
    (mask,) = segmenter.enlarge(embedding, logits)
    assert mask[: size[0] // 2 - 10].all()
    assert not mask[size[0] // 2 + 12 :].any()


def test_what_lies_in_the_padding_changes_no_mask(segmenter: SamSegmenter) -> None:
    embedding = segmenter.embed(noise(64, 32))
    logits = torch.randn(1, 32, 32)
    painted = logits.clone()
    painted[..., 17:] = 9
    plain, changed = segmenter.enlarge(embedding, logits), segmenter.enlarge(embedding, painted)
    np.testing.assert_array_equal(plain[..., :31], changed[..., :31])


def test_prompts_together_give_what_they_give_alone(segmenter: SamSegmenter) -> None:
    embedding = segmenter.embed(noise(50, 80))
    rough = np.random.default_rng(1).normal(0, 3, (32, 32)).astype(np.float32)
    single = at(5, 5, several=False)
    masked = MaskPrompt(single.point_coords, single.point_labels, mask_input=rough)
    prompts = [at(10, 20), boxed(5, 5, 40, 30), single, masked, at(70, 40), boxed(0, 0, 9, 9), masked]
    together = segmenter.decode(embedding, prompts)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = segmenter.decode(embedding, [prompt])
        np.testing.assert_allclose(found.low_res_masks, alone.low_res_masks, atol=1e-4)
        np.testing.assert_allclose(found.iou_predictions, alone.iou_predictions, atol=1e-4)
        assert len(found.iou_predictions) == (3 if prompt.multimask_output else 1)


def test_prompts_are_used(segmenter: SamSegmenter) -> None:
    embedding = segmenter.embed(noise(64, 64))
    left, right, box = segmenter.decode(embedding, [at(5, 5), at(60, 60), boxed(20, 20, 50, 50)])
    assert not np.allclose(left.low_res_masks, right.low_res_masks, atol=1e-4)
    assert not np.allclose(left.low_res_masks, box.low_res_masks, atol=1e-4)


def test_more_prompts_than_a_call_takes_all_get_answers_in_their_order(segmenter: SamSegmenter) -> None:
    embedding = segmenter.embed(noise(64, 64))
    prompts = [at(index, index) for index in range(segmenter.prompts_at_once + 3)]
    found = segmenter.decode(embedding, prompts)
    (last,) = segmenter.decode(embedding, prompts[-1:])
    assert len(found) == len(prompts)
    np.testing.assert_allclose(found[-1].low_res_masks, last.low_res_masks, atol=1e-4)


def test_prompts_of_one_shape_fill_calls_and_each_call_is_waited_for(segmenter: SamSegmenter) -> None:
    embedding, events = segmenter.embed(noise(64, 64)), list[int | str]()
    mixed = [prompt for index in range(10) for prompt in (at(index, 9), boxed(0, 0, index + 1, 9))]
    decoder = segmenter.model.mask_decoder
    handle = decoder.register_forward_pre_hook(
        lambda _, __, named: events.append(len(named["image_embeddings"])), with_kwargs=True
    )
    segmenter.decode(embedding, mixed, lambda: events.append("give way"))
    handle.remove()
    assert segmenter.prompts_at_once == 8
    assert events == ["give way", 8, "give way", 2, "give way", 8, "give way", 2]


@pytest.mark.parametrize(
    ("device", "side", "channels", "expected"),
    [
        ("cpu", 1024, 256, 2),
        ("cpu", 192, 128, 8),
        ("cpu", 2048, 256, 1),
        ("meta", 1024, 256, 16),
        ("meta", 192, 128, 16),
    ],
)
def test_how_many_prompts_share_a_call_follows_from_the_embedding(
    device: str, side: int, channels: int, expected: int
) -> None:
    patch = 8 if side == 192 else 16
    narrow = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "mlp_dim": 16}
    with torch.device("meta"):
        vision = SamVisionConfig(image_size=side, patch_size=patch, output_channels=channels, **narrow)
        model = SamModel(SamConfig(vision_config=vision.to_dict(), mask_decoder_config={"mlp_dim": 16}))
    assert (
        SamSegmenter("any", model.to_empty(device=device), GraphRecorder(torch.device("cpu"))).prompts_at_once
        == expected
    )


def test_the_order_in_memory_changes_no_number(segmenter: SamSegmenter) -> None:
    embedding, prompts = segmenter.embed(noise(50, 80)), [at(10, 20), boxed(5, 5, 40, 30), at(70, 40)]
    plain = segmenter.decode(embedding, prompts)
    handle = segmenter.model.mask_decoder.transformer.register_forward_pre_hook(by_cells, with_kwargs=True)
    laid_out = segmenter.decode(embedding, prompts)
    handle.remove()
    for one, other in zip(plain, laid_out, strict=True):
        np.testing.assert_allclose(one.low_res_masks, other.low_res_masks, atol=1e-5)


def test_a_loaded_models_decoder_reads_the_picture_in_order(tmp_path: Path) -> None:
    tiny_sam().save_pretrained(tmp_path)
    loaded, read = load_sam(str(tmp_path)), list[bool]()
    loaded.model.mask_decoder.transformer.layers[0].register_forward_pre_hook(
        lambda _, __, named: read.append(named["keys"].is_contiguous()), with_kwargs=True
    )
    loaded.decode(loaded.embed(noise(64, 64)), [at(5, 5), at(9, 9)])
    assert read == [True]


def test_no_prompts_give_no_answers(segmenter: SamSegmenter) -> None:
    assert segmenter.decode(segmenter.embed(noise(8, 8)), []) == ()


def test_a_prompt_that_says_nothing_is_refused(segmenter: SamSegmenter) -> None:
    empty = MaskPrompt(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))
    with pytest.raises(BadQuery, match="point, a box"):
        segmenter.decode(segmenter.embed(noise(8, 8)), [empty])


def test_threads_share_a_segmenter(segmenter: SamSegmenter) -> None:
    images = [noise(40, 60, seed) for seed in range(6)]

    def ask(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return segmenter.decode(segmenter.embed(image), [at(20, 20)])[0].low_res_masks

    alone = [ask(image) for image in images]
    with ThreadPoolExecutor(6) as pool:
        for mine, expected in zip(pool.map(ask, images), alone, strict=True):
            np.testing.assert_allclose(mine, expected, atol=1e-4)


def test_autocast_around_a_call_changes_nothing(segmenter: SamSegmenter) -> None:
    image = noise(40, 60)
    plain = segmenter.decode(segmenter.embed(image), [at(9, 9)])[0]
    with torch.autocast("cpu", torch.bfloat16):
        inside = segmenter.decode(segmenter.embed(image), [at(9, 9)])[0]
    np.testing.assert_array_equal(plain.low_res_masks, inside.low_res_masks)


def test_a_folder_in_half_precision_loads_in_full(segmenter: SamSegmenter, tmp_path: Path) -> None:
    tiny_sam().half().save_pretrained(tmp_path)
    loaded = load_sam(str(tmp_path))
    assert loaded.model.dtype == torch.float32
    image = noise(40, 60)
    np.testing.assert_allclose(loaded.embed(image).features, segmenter.embed(image).features, atol=0.05)


def test_a_path_without_a_model_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"config\.json and model\.safetensors"):
        load_sam(str(tmp_path))


def test_a_missing_checkpoint_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such file"):
        load_sam(str(tmp_path / "sam_vit_b.pth"))


@pytest.mark.parametrize(
    "content", [b"not a checkpoint", b"hello world\n", b"<!DOCTYPE html>", b"version https://git-lfs", b""]
)
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sam.pth"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"cannot be read as a PyTorch checkpoint: .* Download it again") as refused:
        load_sam(str(path))
    assert len(str(refused.value)) < 200 + len(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("positions", [torch.zeros(1, 4, 4, 8), 3])
def test_a_part_of_a_checkpoint_is_refused(tmp_path: Path, positions: object) -> None:
    torch.save({"image_encoder.pos_embed": positions}, tmp_path / "part.pth")
    with pytest.raises(Misconfigured, match="no SAM of known geometry"):
        load_sam(str(tmp_path / "part.pth"))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(Misconfigured, match="holds no SAM"):
        load_sam(str(tmp_path / "other.pth"))


def test_a_checkpoint_in_the_old_format_is_read(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(Misconfigured, match="holds no SAM"):
        load_sam(str(tmp_path / "old.pth"))


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    tiny_sam().vision_encoder.save_pretrained(tmp_path)
    with pytest.raises(Misconfigured, match="but sam_vision_model"):
        load_sam(str(tmp_path))


def test_a_folder_with_half_of_the_weights_is_refused(tmp_path: Path) -> None:
    model = tiny_sam()
    weights = {name: weight for name, weight in model.state_dict().items() if "mask_decoder" not in name}
    model.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(Misconfigured, match="weights are missing"):
        load_sam(str(tmp_path))


@pytest.mark.parametrize("size", [(30, 40), (64, 64), (200, 90)])
def test_pixels_are_those_of_transformers_own_processor(segmenter: SamSegmenter, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    side = segmenter.square.side
    resized = np.asarray(
        Pictures.fromarray(image).resize(segmenter.square.input_size(size)[::-1], Pictures.Resampling.BILINEAR)
    )
    processor = SamImageProcessorPil(do_resize=False, pad_size={"height": side, "width": side})
    expected = processor(resized, input_data_format="channels_last", return_tensors="np")["pixel_values"]
    assert np.array_equal(segmenter._pixels(image, segmenter.square.input_size(size)).numpy(), expected)

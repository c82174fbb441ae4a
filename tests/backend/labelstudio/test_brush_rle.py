"""The mask codec against the SDK's, and against a writer of the format that uses all its freedom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from label_studio_sdk.converter import brush
from numpy.typing import NDArray

from backend.labelstudio import brush_rle
from model.errors import BadQuery
from model.types import Mask

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


def blob(height: int, width: int) -> Mask:
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((columns - width / 2) ** 2 + (rows - height / 2) ** 2 < (min(height, width) / 2.2) ** 2)


def by_sdk(mask: Mask) -> list[int]:
    encoded: list[int] = brush.mask2rle(mask.astype(np.uint8) * 255)  # type: ignore[no-untyped-call]
    return encoded


def size(pixels: NDArray[Any]) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]


def bits(number: int, width: int) -> str:
    return f"{number:0{width}b}"


def to_bytes(text: str) -> list[int]:
    padded = text + "0" * (-len(text) % 8)
    return [int(padded[at : at + 8], 2) for at in range(0, len(padded), 8)]


def header(count: int, word: int, sizes: list[int]) -> str:
    return bits(count, 32) + bits(word - 1, 5) + "".join(bits(size - 1, 4) for size in sizes)


@given(masks)
def test_bytes_are_those_of_the_sdk(mask: Mask) -> None:
    assert brush_rle.encode(mask) == by_sdk(mask)


@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5, 63, 64, 65, 16384, 16385, 32768, 32769, 40000])
def test_run_lengths_at_the_edges_of_every_size_are_those_of_the_sdk(pixels: int) -> None:
    mask = np.zeros((1, pixels + 7), np.bool_)
    mask[0, 3 : 3 + pixels] = True
    assert brush_rle.encode(mask) == by_sdk(mask)


def test_a_mask_of_a_photograph_s_size_is_encoded_as_by_the_sdk() -> None:
    mask = blob(900, 1200)
    assert brush_rle.encode(mask) == by_sdk(mask)


@given(masks)
def test_decoding_gives_the_mask_back(mask: Mask) -> None:
    assert np.array_equal(brush_rle.decode(brush_rle.encode(mask), size(mask)), mask)


def test_masks_that_need_several_strides_come_back() -> None:
    mask = np.random.default_rng(0).random((300, 400)) > 0.5
    assert len(brush_rle.encode(mask)) * 8 > 2 * brush_rle.STRIDE // 4
    assert np.array_equal(brush_rle.decode(brush_rle.encode(mask), (300, 400)), mask)


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(4))))
def test_alpha_counts_from_half_covered_on(pixels: NDArray[np.uint8]) -> None:
    data = brush.encode_rle(pixels.ravel())  # type: ignore[no-untyped-call]
    assert np.array_equal(brush_rle.decode(data, size(pixels)), pixels[..., 3] >= 128)


def run_bits(words: list[int], repeated: bool, word: int, index_and_length: str) -> str:
    """One pixel for each word: its four bytes as a run of their own, or all pixels alike as one run."""
    payload = bits(words[0], word) if repeated else "".join(bits(value, word) * 4 for value in words)
    return ("1" if repeated else "0") + index_and_length + payload


@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 255), min_size=1, max_size=4)), min_size=1, max_size=20),
    st.integers(8, 32),
    st.lists(st.integers(4, 16), min_size=4, max_size=4),
    st.integers(0, 3),
)
def test_any_word_size_and_any_length_sizes_are_read(
    runs: list[tuple[bool, list[int]]], word: int, sizes: list[int], kind: int
) -> None:
    body, alphas = "", []
    for repeated, words in runs:
        body += run_bits(words, repeated, word, bits(kind, 2) + bits(4 * len(words) - 1, sizes[kind]))
        alphas += [words[0]] * len(words) if repeated else words
    data = to_bytes(header(4 * len(alphas), word, sizes) + body)
    assert brush_rle.decode(data, (1, len(alphas))).tolist() == [[alpha >= 128 for alpha in alphas]]


def test_a_last_run_that_is_too_long_is_cut_off() -> None:
    data = to_bytes(header(8, 8, [3, 4, 8, 16]) + "110" + bits(255, 8) + bits(255, 8))
    assert brush_rle.decode(data, (1, 2)).tolist() == [[True, True]]


@given(masks, st.data())
def test_data_cut_short_are_refused(mask: Mask, data: st.DataObject) -> None:
    encoded = brush_rle.encode(mask)
    kept = data.draw(st.integers(0, len(encoded) - 3))
    with pytest.raises(BadQuery, match=r"cut short|pixels"):
        brush_rle.decode(encoded[:kept], size(mask))


def test_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(BadQuery, match="12 pixels, but the picture has 5 x 3"):
        brush_rle.decode(brush_rle.encode(np.ones((3, 4), np.bool_)), (3, 5))


@pytest.mark.parametrize("data", [[300, 1], [-1], ["a"], None, [1.5]])
def test_what_is_no_list_of_bytes_is_refused(data: list[int]) -> None:
    with pytest.raises(BadQuery, match="not a list of bytes"):
        brush_rle.decode(data, (1, 1))

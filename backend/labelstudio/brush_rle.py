"""Label Studio's run-length code for brush masks, in numpy.

A mask travels as the RGBA bytes of its picture, row by row, in a bit stream: the number of bytes (32 bits), the word
size less one (5), four length sizes less one (4 each), then runs. A run is a flag (1: one word repeated, 0: words one
by one), the index of its length's size (2 bits), its length less one, and its word or words. The format is that of
`label_studio_sdk.converter.brush`, whose bytes `encode` reproduces; `decode` also reads what the editor writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import BadQuery
from model.types import Mask

CHANNELS = 4  # red, green, blue, alpha; the editor draws by alpha
FOREGROUND = 255
THRESHOLD = 128  # the editor antialiases the rim of a mask: half covered counts as covered
HEADER_BITS = 32 + 5 + 4 * 4
WORD_BITS = 8
LENGTH_BITS = np.array([3, 4, 8, 16], np.int64)
HEADER_TAIL = 0x7237F  # word size 8 and length sizes 3, 4, 8, 16, each less one, in 5 + 4 * 4 bits
LONGEST_RUN = 1 << 16
STRIDE = 1 << 18  # bit positions that decoding looks at together; bounds its memory

Integers = NDArray[np.int64]


def encode(mask: Mask) -> list[int]:
    """The mask (H, W) as Label Studio's bytes, each 0..255: what the SDK's `mask2rle` makes of 255 * mask."""
    flat = np.ascontiguousarray(mask, np.bool_).ravel()
    starts = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    lengths = CHANNELS * np.diff(starts, append=flat.size)
    values = np.where(flat[starts], FOREGROUND, 0)
    kinds = np.minimum(np.searchsorted(1 << LENGTH_BITS, lengths), len(LENGTH_BITS) - 1)
    pieces = (lengths - 1) // LONGEST_RUN + 1  # a longer run is cut, and its rest keeps the widest length size
    cut = np.full(pieces.sum(), LONGEST_RUN, np.int64)
    cut[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * LONGEST_RUN
    kinds, values = np.repeat(kinds, pieces), np.repeat(values, pieces)
    codes = ((4 | kinds) << LENGTH_BITS[kinds] | cut - 1) << WORD_BITS | values
    header = flat.size * CHANNELS << 21 | HEADER_TAIL
    return _pack(np.append(header, codes), np.append(HEADER_BITS, 3 + LENGTH_BITS[kinds] + WORD_BITS))


def _pack(codes: Integers, widths: Integers) -> list[int]:
    """Write each code in its width of bits (at most 64), one after the other, as bytes.

    The SDK fills the last byte with zeros, and adds a byte of zeros where there is nothing to fill.
    """
    ends = np.cumsum(widths)
    first = (ends - widths) >> 6  # the 64-bit word that a code begins in; a code spills into one more at most
    spill = ends - ((first + 1) << 6)
    unsigned = codes.astype(np.uint64)
    right, left = np.maximum(spill, 0).astype(np.uint64), np.maximum(-spill, 0).astype(np.uint64)
    head = unsigned >> right << left
    groups = np.append(0, np.flatnonzero(np.diff(first)) + 1)
    words = np.zeros((ends[-1] >> 6) + 2, np.uint64)
    words[first[groups]] = np.bitwise_or.reduceat(head, groups)
    over = np.flatnonzero(spill > 0)
    words[first[over] + 1] |= unsigned[over] << (64 - spill[over]).astype(np.uint64)
    return list(words.astype(">u8").tobytes()[: int(ends[-1]) // 8 + 1])


def decode(rle: Sequence[int], size: tuple[int, int]) -> Mask:
    """The mask (H, W) of a picture of `size` (H, W): the pixels whose alpha is at least 128.

    Any word size and any length sizes are read. Raises BadQuery for data that are cut short, not bytes, or of another
    picture size.
    """
    stream = _Stream.of(_as_bytes(rle))
    if stream.count != CHANNELS * size[0] * size[1]:
        raise BadQuery(f"mask: {stream.count // CHANNELS} pixels, but the picture has {size[1]} x {size[0]}")
    starts = _run_starts(stream)
    repeated, lengths, payload, following = stream.runs(starts)
    needed = np.cumsum(lengths) - lengths < stream.count  # behind them lies padding
    if lengths.sum() < stream.count or (following[needed] > stream.bits).any():
        raise BadQuery("mask: the run-length data are cut short")
    lengths, values = stream.words_of(repeated[needed], lengths[needed], payload[needed])
    ends = np.minimum(np.cumsum(lengths), stream.count) // CHANNELS  # alpha is the last byte of a pixel
    return np.repeat(values >= THRESHOLD, np.diff(ends, prepend=0)).reshape(size)


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """Encoded data: 32-bit words (with two more, for reading ahead), and what the header says."""

    words: NDArray[np.uint64]
    bits: int
    count: int
    word_bits: int
    length_bits: NDArray[np.uint64]

    @classmethod
    def of(cls, data: bytes) -> _Stream:
        header = int.from_bytes(data[:7].ljust(7, b"\0"), "big") >> 3
        sizes = [(header >> shift & 15) + 1 for shift in (12, 8, 4, 0)]
        padded = data + bytes(8 + -len(data) % 4)
        words = np.frombuffer(padded, ">u4").astype(np.uint64)
        return cls(words, 8 * len(data), header >> 21, (header >> 16 & 31) + 1, np.array(sizes, np.uint64))

    def window(self, at: Integers) -> NDArray[np.uint64]:
        """64 bits from each bit position on, of which the first 33 are sure."""
        index = at >> 5
        window: NDArray[np.uint64] = (self.words[index] << 32 | self.words[index + 1]) << (at & 31).astype(np.uint64)
        return window

    def runs(self, at: Integers) -> tuple[NDArray[np.bool_], Integers, Integers, Integers]:
        """Of the runs that begin at these bits: is one word repeated, length, first bit of the words, bit behind."""
        window = self.window(at)
        sizes = self.length_bits[window >> 61 & 3]
        repeated = window >> 63 == 1
        lengths = ((window << 3) >> (64 - sizes)).astype(np.int64) + 1
        payload = at + 3 + sizes.astype(np.int64)
        return repeated, lengths, payload, payload + self.word_bits * np.where(repeated, 1, lengths)

    def words_of(self, repeated: NDArray[np.bool_], lengths: Integers, payload: Integers) -> tuple[Integers, Integers]:
        """(length, value) of each word: a run of repeated words has one, any other run has one for each element."""
        words = np.where(repeated, 1, lengths)
        run = np.repeat(np.arange(len(words)), words)
        inner = np.arange(len(run)) - np.repeat(np.cumsum(words) - words, words)
        values = self.window(payload[run] + inner * self.word_bits) >> (64 - self.word_bits)
        return np.where(repeated, lengths, 1)[run], values.astype(np.int64)


def _as_bytes(rle: Sequence[int]) -> bytes:
    try:
        return bytes(rle)
    except (TypeError, ValueError) as error:
        raise BadQuery("mask: the run-length data are not a list of bytes") from error


def _run_starts(stream: _Stream) -> Integers:
    """The bit at which each run begins.

    Where a run begins is known only from the one before, so it is worked out for every bit as if a run began there,
    many bits at once, and the chain is followed through the answers: one step for each run, none for each pixel.
    """
    starts: list[int] = []
    position = HEADER_BITS
    for begin in range(HEADER_BITS, stream.bits, STRIDE):
        end = min(begin + STRIDE, stream.bits)
        following = stream.runs(np.arange(begin, end))[-1].data  # read one by one, this is faster than the array
        while position < end:
            starts.append(position)
            position = following[position - begin]
    return np.array(starts, np.int64)

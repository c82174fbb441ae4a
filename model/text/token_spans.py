"""Words (character spans) <-> text-encoder tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from model.types import Tokens, Word


def tokens_of(tokens: Tokens, word: Word, offset: int = 0) -> tuple[int, ...]:
    """The tokens that share characters with a word; `offset` is where the word's text starts in the tokens' text.

    Empty where the text was cut before the word.
    """
    start, end = word.start + offset, word.end + offset
    return tuple(at for at, span in enumerate(tokens.spans) if span and span[0] < end and start < span[1])


def pieces_of(phrases: Iterable[Sequence[Sequence[int]]]) -> tuple[int, ...]:
    """The tokens of all words of all phrases, in order, each once."""
    return tuple(sorted({piece for words in phrases for word in words for piece in word}))


def enhance(embeddings: torch.Tensor, tokens: Sequence[int], factor: float) -> torch.Tensor:
    """Cat-Cross: the text-encoder outputs (L, d) of the given tokens times `factor`, the others as they are (iSeg)."""
    weights = torch.ones(len(embeddings), 1, dtype=embeddings.dtype, device=embeddings.device)
    weights[list(tokens)] = factor
    return embeddings * weights

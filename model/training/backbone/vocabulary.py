"""The embedded text encoder's own tokenizer: whole words of the scene world, bytes for everything else. Ours."""

from __future__ import annotations

import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from model.embedded.scene_language import ANY_SHAPE, ELSEWHERE, PLURALS, SIZE_WORDS
from model.embedded.scenes import COLOURS, GROUNDS, SHAPES, TEXTURES

MAX_TOKENS = 77
LINKS = (
    "a an the and or on in of with next to at left right top bottom middle photograph photo other background two three"
)
WORDS = (
    *SHAPES, *PLURALS.values(), *ANY_SHAPE, *COLOURS, *TEXTURES, *SIZE_WORDS, *GROUNDS, *ELSEWHERE, *LINKS.split(),
)  # fmt: skip
SPECIALS = ("<|startoftext|>", "<|endoftext|>")


def build() -> CLIPTokenizer:
    """Learn byte pairs until every known word is one token; other words fall apart into known pieces and bytes."""
    pairs = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    pairs.normalizer = normalizers.Lowercase()
    pairs.pre_tokenizer = pre_tokenizers.Whitespace()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=4096, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    pairs.train_from_iterator([list(WORDS)] * 2, trainer)
    model = _parts(pairs)
    vocabulary = {piece: number for number, piece in enumerate(_pieces(alphabet, model))}
    return CLIPTokenizer(vocab=vocabulary, merges=model, model_max_length=MAX_TOKENS)


def _parts(pairs: Tokenizer) -> list[tuple[str, str]]:
    """The merges that were learned, in order."""
    return [tuple(merge) for merge in json.loads(pairs.to_str())["model"]["merges"]]


def _pieces(alphabet: list[str], merges: list[tuple[str, str]]) -> list[str]:
    letters = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    return list(dict.fromkeys([*letters, *("".join(merge) for merge in merges), *SPECIALS]))

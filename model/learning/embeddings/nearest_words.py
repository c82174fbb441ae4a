"""The known words whose attention resembles accepted masks most: for a phrase, or for a fit to begin at. Ours.

A word that the text encoder never saw begins anywhere, and a fit from there ends anywhere: on the embedded models the
same fit of one word reached a mean IoU from 0.66 to 0.88, by chance. From the nearest known word it is close by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import torch

from model.grounding.features import Features
from model.learning.embeddings.attention_loss import JUDGED, LEAST, AcceptedPicture, cells
from model.methods.segment_anyword.inversion import GiveWay, pausing, put
from model.text.prompt_text import Wording, word
from model.text.token_spans import pieces_of, tokens_of
from model.types import Clause, Word

VOCABULARY = 2400  # most frequent words that are asked for: beyond, they are rarer than what people draw masks of
AT_ONCE = 12  # words that share a text; they disturb each other less than one pass for each would cost
LOOKED_AT = 3  # pictures that words are asked for on
NEAREST = 12  # words that are asked for alone then
NEAR = 0.9  # share of the best word's attention inside the masks that is as good as the best


def resembling(
    sight: Features, wording: Wording, own: torch.Tensor, pictures: Sequence[AcceptedPicture], give_way: GiveWay
) -> torch.Tensor:
    """Token embeddings (L, d) to begin at: those of the nearest known word, or `own` where none is nearer.

    A known word stands for every token of the phrase's words.
    """
    backbone = sight.models.backbone
    rows = torch.tensor(pieces_of([wording.sought[0].words]), device=own.device)
    starts = [own]
    for name in nearest(sight, pictures, give_way):
        tokens = backbone.tokenize(name)
        row = backbone.inputs(tokens)[[span is not None for span in tokens.spans].index(True)]
        starts.append(put(own, rows, row.float().expand(len(rows), -1)))
    shares = []
    for start in starts:
        shares.append(inside(sight, wording, start, pausing(pictures[:JUDGED], give_way)))
    return starts[0] if shares[0] >= NEAR * max(shares) else starts[int(np.argmax(shares))]


def closest(sight: Features, texts: Sequence[str], pictures: Sequence[AcceptedPicture], give_way: GiveWay) -> list[str]:
    """Phrases in the order of how much of the attention to them lies inside the accepted masks, each asked alone."""
    models, looked = sight.models, [each for each in pictures if each.wanted.any()][:LOOKED_AT]
    shares = {}
    for text in texts:
        (wording,) = word([Clause(text, name=True)], models.parser, models.backbone, sight.config.template)
        inputs = models.backbone.inputs(wording.tokens)
        shares[text] = inside(sight, wording, inputs, pausing(looked, give_way))
    return sorted(texts, key=lambda text: -shares[text])


def inside(sight: Features, wording: Wording, inputs: torch.Tensor, pictures: Iterable[AcceptedPicture]) -> float:
    """How much of the attention to a phrase under token embeddings (L, d) lies inside the masks; the least word's."""
    backbone = sight.models.backbone
    embeddings = backbone.embed(wording.tokens, inputs)
    found = []
    for picture in [each for each in pictures if each.wanted.any()]:
        level = backbone.glance(picture.latents, embeddings[None])[0][-1]
        wanted = cells(picture.wanted, level.shape[1], level)
        maps = torch.stack([level[list(pieces)].mean(0) for pieces in wording.sought[0].words])
        found.append(float(((maps * wanted).sum((1, 2)) / maps.sum((1, 2)).clamp(min=LEAST)).min()))
    return float(np.mean(found))


def nearest(sight: Features, pictures: Sequence[AcceptedPicture], give_way: GiveWay) -> list[str]:
    """The known words whose attention lies most inside the accepted masks, the nearest first."""
    words = sight.models.backbone.words[:VOCABULARY]
    looked = [each for each in pictures if each.wanted.any()][:LOOKED_AT]
    shares: dict[str, float] = {}
    for at in range(0, len(words), AT_ONCE):
        give_way()
        shares |= _shares(sight, words[at : at + AT_ONCE], looked)
    return sorted(words, key=lambda name: -shares[name])[:NEAREST]


def _shares(sight: Features, words: Sequence[str], pictures: Sequence[AcceptedPicture]) -> dict[str, float]:
    """How much of each word's attention lies inside the masks, all asked for in one text; the mean over pictures."""
    backbone = sight.models.backbone
    tokens, names = backbone.tokenize(", ".join(words)), _placed(words)
    embeddings = backbone.embed(tokens)
    found = {name.text: 0.0 for name in names}
    for picture in pictures:
        level = backbone.glance(picture.latents, embeddings[None])[0][-1]
        wanted = cells(picture.wanted, level.shape[1], level)
        for name in names:
            attended = level[list(tokens_of(tokens, name))].mean(0)
            found[name.text] += float((attended * wanted).sum() / attended.sum().clamp(min=LEAST)) / len(pictures)
    return found


def _placed(words: Sequence[str]) -> list[Word]:
    """The words of a list as they stand in its text, joined by ", "."""
    ends = accumulate(len(each) + 2 for each in words)
    return [Word(each, each, end - len(each) - 2, end - 2) for each, end in zip(words, ends, strict=True)]

"""Mask-supervised prompt inversion: the token embeddings of a phrase's words, learned from accepted masks.

As SLiMe (arXiv 2309.03179) and OVAM (arXiv 2403.14291) do, the phrase's cross-attention is held against masks. They
learn the text encoder's outputs; here its inputs are learned, as in Segment Anyword's inversion, so that what was
learned holds in every text that the word stands in (ours).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.grounding.features import Features
from model.grounding.phrase_maps import evidence
from model.learning.embeddings.attention_loss import (
    JUDGED,
    AcceptedPicture,
    FitConfig,
    attention_loss,
    cells,
    denoising_loss,
    judged,
)
from model.learning.embeddings.nearest_words import resembling
from model.learning.overrides import taught_words, with_taught, written
from model.methods.segment_anyword.inversion import GiveWay, pausing, put
from model.text.prompt_text import Wording, word
from model.text.token_spans import pieces_of
from model.types import Clause

SEED = 1101
DRAWS = 8  # noises that take turns; ours
DENOISED_EVERY = 4  # steps between two that see the denoising loss, which costs more than all the rest; ours


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """By word, in lower case, token embeddings (n, d); none where the fit ended worse than it began.

    losses: one for each step that was taken. presence: the `selection.presence` that goes with the embeddings; a word
    of n tokens has no evidence above 1 / n, so that the engine's own may be out of reach.
    """

    embeddings: dict[str, NDArray[np.float32]]
    losses: tuple[float, ...]
    presence: float


def fit(
    sight: Features, clause: Clause, pictures: Sequence[AcceptedPicture], config: FitConfig, give_way: GiveWay
) -> Fitted:
    """Learn token embeddings under which a phrase's words are attended to in the accepted masks and nowhere else.

    The phrase stands alone in the engine's template, as pre-annotation asks for it. Steps begin at the phrase as it is
    read now, by the lesson of the clause where there is one, or at the known word that resembles the masks most. One
    picture at least shows the label. The same question has the same answer. `give_way` is called between steps.
    """
    backbone = sight.models.backbone
    (wording,) = word([clause], sight.models.parser, backbone, sight.config.template)
    taught = with_taught(backbone, wording.tokens, taught_words(wording))
    own = (backbone.inputs(wording.tokens) if taught is None else taught).float()
    rows = torch.tensor(pieces_of([wording.sought[0].words]), device=own.device)
    start = resembling(sight, wording, own, pictures, give_way)
    learned = start[rows].clone().requires_grad_()
    rate = config.rate * float(start[rows].square().mean().sqrt())
    optimiser = torch.optim.AdamW([learned], lr=rate, weight_decay=0.0)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps, rate / 10)
    losses: list[float] = []
    for batch in itertools.islice(batches(pictures, config.batch), config.steps):
        optimiser.zero_grad()
        losses.append(
            descend(sight, wording, put(start, rows, learned), pausing(batch, give_way), (config, len(losses)))
        )
        optimiser.step()
        falling.step()
        if not learned.isfinite().all():
            break
    found = put(start, rows, learned.detach())
    before, after = (judged(sight, wording, inputs, pausing(pictures[:JUDGED], give_way)) for inputs in (own, found))
    if not after < before:
        return Fitted({}, tuple(losses), sight.config.selection.presence)
    words = wording.sought[0].words
    embeddings = {written(wording.tokens, pieces): found[list(pieces)].cpu().numpy() for pieces in words}
    positive = [each for each in pictures if each.wanted.any()][:JUDGED]
    presence = config.presence * seen_inside(sight, wording, found, pausing(positive, give_way))
    return Fitted(embeddings, tuple(losses), presence)


def batches(pictures: Sequence[AcceptedPicture], size: int) -> Iterator[list[AcceptedPicture]]:
    """Pictures without end, all of them once before any comes again, in an order that is the same each time."""
    rng, waiting = np.random.default_rng(SEED), list[int]()
    while True:
        while len(waiting) < size:
            waiting.extend(rng.permutation(len(pictures)).tolist())
        yield [pictures[number] for number in waiting[:size]]
        waiting = waiting[size:]


def descend(
    sight: Features,
    wording: Wording,
    inputs: torch.Tensor,
    batch: Iterable[AcceptedPicture],
    when: tuple[FitConfig, int],
) -> float:
    """The mean loss of some pictures under token embeddings (L, d), its slope left in what those were made of."""
    (config, step), backbone = when, sight.models.backbone
    total = 0.0
    for number, picture in enumerate(batch):
        embeddings = sight.enhanced(backbone.embed(wording.tokens, inputs), wording)
        (attention,) = backbone.attend(picture.latents, embeddings[None], step % DRAWS)
        loss = attention_loss(sight, attention, wording, picture, config)
        if config.denoising and not number and step % DENOISED_EVERY == 0:
            loss = loss + config.denoising * denoising_loss(sight, picture.latents, embeddings, step)
        (loss / config.batch).backward(retain_graph=True)
        total += loss.item() / config.batch
    return total


def seen_inside(sight: Features, wording: Wording, inputs: torch.Tensor, pictures: Iterable[AcceptedPicture]) -> float:
    """The mean evidence inside the accepted masks of some pictures, under token embeddings (L, d)."""
    backbone, found = sight.models.backbone, []
    embeddings = sight.enhanced(backbone.embed(wording.tokens, inputs), wording)
    for picture in pictures:
        (attention,) = backbone.attend(picture.latents, embeddings[None])
        maps = evidence(attention, wording.sought[0], sight.config.attention)
        wanted = cells(picture.wanted, len(maps), maps)
        found.append(float((maps * wanted).sum() / wanted.sum()))
    return float(np.mean(found))

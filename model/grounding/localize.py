"""Where the phrases of a text are: attention, bound by syntax and refined, and the evidence that they are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import EngineConfig
from model.grounding.features import Features, TextQuestion
from model.grounding.phrase_maps import bind, brightest, evidence, word_maps
from model.methods.iseg import refine
from model.methods.segment_anyword.inversion import GiveWay
from model.methods.segment_anyword.syntax_points import PhrasePoints, clusters
from model.text.prompt_text import Sought, Wording, word
from model.types import Attention, Clause


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A phrase and where it is.

    attended: (g, g), what the words attend to. scores: (g, g), refined. Both have maximum 1. evidence: (g, g) in 0..1.
    cluster: the words' maps and the points off the object (Segment Anyword's R1 and R2), where SAM is asked by them.
    warning: what went wrong on the way, if anything.
    """

    sought: Sought
    attended: NDArray[np.float32]
    scores: NDArray[np.float32]
    evidence: torch.Tensor
    cluster: PhrasePoints | None
    warning: str | None = None


def locate(sight: Features, questions: Sequence[TextQuestion], give_way: GiveWay) -> list[list[Located]]:
    """Ask the backbone where the phrases of each text are, and refine its maps.

    As many questions at a time as share a pass: what was attended to is large, and kept no longer than needed.
    """
    at_once = sight.models.backbone.passes_at_once
    groups = [questions[first : first + at_once] for first in range(0, len(questions), at_once)]
    return [located for group in groups for located in _located(sight, group, give_way)]


def _located(sight: Features, questions: Sequence[TextQuestion], give_way: GiveWay) -> list[list[Located]]:
    config, found = sight.config, []
    looks = sight.attend(questions, give_way)
    proofs = _evidence(sight, questions, [attention for attention, _ in looks], give_way)
    for (_, wording), (attention, inverted), proof in zip(questions, looks, proofs, strict=True):
        scores = bind(attention, wording.sought, config.attention)
        refined, gathered = _refined(sight, attention, wording, scores), _clusters(attention, wording, config)
        rows = zip(wording.sought, brightest(scores).cpu().numpy(), refined, proof, gathered, strict=True)
        found.append([Located(*row, inverted.warning) for row in rows])
    return found


def _refined(sight: Features, attention: Attention, wording: Wording, scores: torch.Tensor) -> NDArray[np.float32]:
    """Maps (P, g, g) with maximum 1, refined under each phrase's own constants; those under the same ones together."""
    constants = [sight.taught(each.lesson).config.refine for each in wording.sought]
    refined = torch.empty_like(scores)
    for config in dict.fromkeys(constants):
        alike = [number for number, own in enumerate(constants) if own == config]
        refined[alike] = brightest(refine(scores[alike], attention.broad, attention.among, config).scores)
    return refined.cpu().numpy()


def _clusters(attention: Attention, wording: Wording, config: EngineConfig) -> Sequence[PhrasePoints | None]:
    if config.syntax.prompts == "peak":
        return [None] * len(wording.sought)
    every, attached = (*wording.sought, *wording.context), config.syntax.attachments == "figure"
    words = word_maps(attention, every, config.attention, attached)
    return clusters(wording, [brightest(maps).cpu().numpy() for maps in words], config.syntax)


def _evidence(
    sight: Features, questions: Sequence[TextQuestion], attended: Sequence[Attention], give_way: GiveWay
) -> list[list[torch.Tensor]]:
    """The evidence (g, g) for each phrase of each text, read from attention to the phrase alone, as it stands (ours).

    Phrases of one text share a cell's attention, so the evidence for one would depend on how many stand beside it; and
    an inverted prompt is fitted to the picture whether or not the picture shows what it names. Under several templates
    the mean counts, as CLIP's prompt ensembles have it.
    """
    asked = [[_alone(sight, wording, each) for each in wording.sought] for _, wording in questions]
    texts = [TextQuestion(each.seen, text) for each, own in zip(questions, asked, strict=True) for text in chain(*own)]
    looks = zip(texts, sight.glances(texts, give_way), strict=True)
    return [
        [_proof(sight, sought, look, islice(looks, len(own))) for sought, own in zip(wording.sought, each, strict=True)]
        for (_, wording), look, each in zip(questions, attended, asked, strict=True)
    ]


def _proof(
    sight: Features,
    sought: Sought,
    attention: Attention,
    alone: Iterable[tuple[TextQuestion, tuple[torch.Tensor, ...]]],
) -> torch.Tensor:
    config = sight.taught(sought.lesson).config.attention
    shown = [(text.sought[0], replace(attention, cross=cross)) for (_, text), cross in alone] or [(sought, attention)]
    return torch.stack([evidence(look, phrase, config) for phrase, look in shown]).mean(0)


def _alone(sight: Features, wording: Wording, sought: Sought) -> list[Wording]:
    """A phrase without the others of its text, under each template; none where its text was just looked at so."""
    config, models = sight.taught(sought.lesson).config, sight.models
    plain = config.inversion.objective == "none" and not config.inversion.trace
    if plain and len(wording.sought) == 1 and not config.selection.templates:
        return []
    clause, templates = Clause(sought.phrase.text, True, sought.lesson), (config.template, *config.selection.templates)
    return [word([clause], models.parser, models.backbone, template)[0] for template in templates]

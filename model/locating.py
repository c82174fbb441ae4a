"""Where the phrases of a text are: attention, bound by syntax and refined, and the evidence that they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.clusters import Cluster, clusters
from model.config import EngineConfig
from model.inversion import GiveWay
from model.refine import refine
from model.sight import Seen, Sight
from model.syntax import bind, brightest, evidence, word_maps
from model.values import Attention, Clause
from model.wording import Sought, Wording, word


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
    cluster: Cluster | None
    warning: str | None = None


def locate(sight: Sight, seen: Seen, wording: Wording, give_way: GiveWay) -> list[Located]:
    """Ask the backbone where the phrases of one text are, and refine its maps."""
    config = sight.config
    attention, inverted = sight.attend(seen, wording, give_way)
    scores = bind(attention, wording.sought, config.attention)
    refined = _refined(sight, attention, wording, scores)
    gathered = _clusters(attention, wording, config)
    proof = _evidence(sight, seen, wording, attention, give_way)
    rows = zip(wording.sought, brightest(scores).cpu().numpy(), refined, proof, gathered, strict=True)
    return [Located(*row, inverted.warning) for row in rows]


def _refined(sight: Sight, attention: Attention, wording: Wording, scores: torch.Tensor) -> NDArray[np.float32]:
    """Maps (P, g, g) with maximum 1, refined under each phrase's own constants; those under the same ones together."""
    constants = [sight.taught(each.lesson).config.refine for each in wording.sought]
    refined = torch.empty_like(scores)
    for config in dict.fromkeys(constants):
        alike = [number for number, own in enumerate(constants) if own == config]
        refined[alike] = brightest(refine(scores[alike], attention.broad, attention.among, config).scores)
    return refined.cpu().numpy()


def _clusters(attention: Attention, wording: Wording, config: EngineConfig) -> Sequence[Cluster | None]:
    if config.syntax.prompts == "peak":
        return [None] * len(wording.sought)
    every, attached = (*wording.sought, *wording.context), config.syntax.attachments == "figure"
    words = word_maps(attention, every, config.attention, attached)
    return clusters(wording, [brightest(maps).cpu().numpy() for maps in words], config.syntax)


def _evidence(
    sight: Sight, seen: Seen, wording: Wording, attention: Attention, give_way: GiveWay
) -> list[torch.Tensor]:
    """The evidence (g, g) for each phrase, read from attention to the phrase alone and as it stands (ours).

    Phrases of one text share a cell's attention, so the evidence for one would depend on how many stand beside it; and
    an inverted prompt is fitted to the picture whether or not the picture shows what it names. Under several templates
    the mean counts, as CLIP's prompt ensembles have it.
    """
    give_way()
    configs = [sight.taught(each.lesson).config for each in wording.sought]
    if len(configs) == 1 and _as_it_stands(configs[0]):
        return [evidence(attention, wording.sought[0], configs[0].attention)]
    texts = [_alone(sight, each, config) for each, config in zip(wording.sought, configs, strict=True)]
    looks = iter(sight.glances(seen, [alone for each in texts for alone in each], give_way))
    found = []
    for each, config in zip(texts, configs, strict=True):
        shown = [replace(attention, cross=next(looks)) for _ in each]
        read = [evidence(one, alone.sought[0], config.attention) for one, alone in zip(shown, each, strict=True)]
        found.append(torch.stack(read).mean(0))
    return found


def _as_it_stands(config: EngineConfig) -> bool:
    """Whether a phrase's own text, under the one template, was already looked at."""
    return config.inversion.objective == "none" and not config.inversion.trace and not config.selection.templates


def _alone(sight: Sight, sought: Sought, config: EngineConfig) -> list[Wording]:
    """A phrase without the others of its text, under each template."""
    clause, models = Clause(sought.phrase.text, True, sought.lesson), sight.models
    templates = (config.template, *config.selection.templates)
    return [word([clause], models.parser, models.backbone, template)[0] for template in templates]

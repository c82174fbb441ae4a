"""From a located phrase to the objects that match it: mask prompts, the segmenter's candidates, proposals, choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from model.config import EngineConfig, FinishConfig, SelectionConfig
from model.grounding.features import Features, Seen
from model.grounding.localize import Located
from model.masks.draft import SegmentDraft
from model.masks.habits import finished
from model.masks.mask_prompts import Blob, blob_prompts, blobs
from model.masks.postprocess import Sheet, shaped, sheet_of
from model.masks.selection import Choice, best, distinct, grained, placed, with_evidence
from model.methods.pmp import frame_of, joining
from model.methods.segment_anyword.inversion import GiveWay
from model.methods.segment_anyword.syntax_points import cluster_prompt, plain_mask
from model.types import Mask, MaskPrompt, Proposals, Segment


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One object as a phrase's map shows it, and how SAM is asked for it."""

    blob: Blob
    prompts: list[MaskPrompt]


def propose(sight: Features, seen: Seen, located: Sequence[Located]) -> Proposals | None:
    """The proposer's masks for all phrases, where proposals take part."""
    proposer = sight.models.proposer
    if not sight.config.proposals.join or proposer is None or not located:
        return None
    texts = tuple(each.sought.phrase.text for each in located)
    return sight.cache.get(("proposals", seen.key, texts), lambda: proposer.propose(seen.shown, texts))


def objects(
    sight: Features, seen: Seen, located: Sequence[Located], proposals: Proposals | None, give_way: GiveWay
) -> list[tuple[Choice, ...]]:
    """For each phrase the objects that match it, those that the picture gives too little evidence for left out.

    The prompts of all phrases share decoder calls. `proposals` are about the same phrases, in the same order.
    """
    asked = [_asked(sight, seen, each) for each in located]
    prompts = [prompt for phrase in asked for thing in phrase for prompt in thing.prompts]
    answers = iter(sight.models.segmenter.decode(seen.embedding, prompts, give_way))
    found = []
    for number, (each, things) in enumerate(zip(located, asked, strict=True)):
        config = sight.taught(each.sought.lesson).config
        choices = []
        for thing in things:
            candidates = [grained(one, config.selection.granularity) for one in islice(answers, len(thing.prompts))]
            if proposals is not None:
                candidates.append(joining(proposals, number, frame_of(candidates[0]), config.proposals))
            choices.append(best(candidates, each.scores * thing.blob.cells, config.selection.agreement))
        found.append(_matching(each, choices, config.selection))
    return found


def _asked(sight: Features, seen: Seen, located: Located) -> list[Instance]:
    config = sight.taught(located.sought.lesson).config
    found = blobs(located.scores, config.prompting)
    return [Instance(blob, prompts_for(located, blob, seen.size, config)) for blob in found]


def _matching(located: Located, choices: Sequence[Choice], config: SelectionConfig) -> tuple[Choice, ...]:
    sure = [with_evidence(choice, located.evidence) for choice in choices]
    present = [choice for choice in sure if choice.evidence >= config.presence]
    return placed(distinct(present, config.overlap), located.sought.phrase.place)


def prompts_for(located: Located, blob: Blob, size: tuple[int, int], config: EngineConfig) -> list[MaskPrompt]:
    """How SAM is asked for one object: by its peak and box, by its words' points (Segment Anyword), or by both.

    Points stay inside the object's region of the refined map (ours): "red" is also where other red things are. Where
    no word stands out there, the peak and the box ask.
    """
    if located.cluster is None:
        return list(blob_prompts(blob, size))
    pointed = cluster_prompt(located.cluster, blob.cells, size, config.syntax)
    if pointed is None or config.syntax.prompts == "both":
        return [*blob_prompts(blob, size), *([pointed] if pointed else [])]
    return [pointed]


def sketches(
    sight: Features, seen: Seen, located: Located, choices: Sequence[Choice], separate: bool
) -> list[SegmentDraft]:
    """One segment for each object, or one for all of them, with masks that are still to be drawn."""
    if not choices:
        return []
    lesson = located.sought.lesson
    sight, separate = sight.taught(lesson), lesson.separate if lesson and lesson.separate is not None else separate
    of = partial(Segment, phrase=located.sought.phrase, clause=located.sought.clause)
    finish, best_one = sight.config.finish, choices[0]
    if not sight.config.syntax.decode:
        plain = partial(_plain, located.scores, seen.size, finish)
        return [SegmentDraft(plain, partial(of, score=best_one.score, presence=best_one.evidence))]
    sheet, found = sheet_of(sight, seen), []
    for group in [[each] for each in choices] if separate else [choices]:
        logits, first = [each.low_res_mask for each in group], group[0]
        told = partial(of, score=first.score, presence=first.evidence, low_res_mask=reduce(np.maximum, logits))
        found.append(SegmentDraft(partial(_joined, sheet, logits, finish), told))
    return found


def _plain(scores: NDArray[np.float32], size: tuple[int, int], finish: FinishConfig) -> Mask:
    return finished(plain_mask(scores, size), finish)


def _joined(sheet: Sheet, logits: Sequence[NDArray[np.float32]], finish: FinishConfig) -> Mask:
    return finished(reduce(np.logical_or, (shaped(sheet, each) for each in logits)), finish)

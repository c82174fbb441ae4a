"""One segment for each thing an annotator pointed at, up to where its mask is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from model.grounding.features import Features, Seen, TextQuestion
from model.grounding.localize import Located
from model.masks.box_limits import clipped, inside, limits_of, remark_on, within
from model.masks.draft import SegmentDraft
from model.masks.hint_prompts import hint_channels, hint_prompts, marks, merged
from model.masks.postprocess import Sheet, shaped, sheet_of
from model.masks.refinement import obedient, refined
from model.masks.selection import Choice, best
from model.methods.iseg import refine
from model.text.prompt_text import Wording
from model.types import Box, Candidates, Hint, Mask, Point, Segment

UNSURE = 0.5  # heuristic: SAM's estimate of its IoU; below it the mask of a box is wrong more often than right


def pointed(sight: Features, seen: Seen, hints: Sequence[Hint], located: Sequence[Located]) -> list[SegmentDraft]:
    """Ask SAM for each hint; where text came along, it says which of SAM's candidates is meant."""
    hints = [within(hint, seen.size) for hint in hints]
    asked = [hint_prompts(hint, seen.size) for hint in hints]
    answers = iter(sight.models.segmenter.decode(seen.embedding, [prompt for each in asked for prompt in each]))
    sheet, sketches = sheet_of(sight, seen), []
    for number, (hint, prompts) in enumerate(zip(hints, asked, strict=True)):
        found = list(islice(answers, len(prompts)))
        if is_unsure(hint, found):
            found += sight.models.segmenter.decode(seen.embedding, [replace(prompts[0], multimask_output=True)])
        choice, meant = answered(sight, seen, hint, located, found)
        points, limits = marks(hint, seen.size), limits_of(hint, seen.size)
        logits = inside(choice.low_res_mask, limits, seen.size)
        phrase, clause = (meant.sought.phrase, meant.sought.clause) if meant else (None, None)
        of = partial(Segment, score=choice.score, phrase=phrase, clause=clause, hint=number, low_res_mask=logits)
        sketches.append(SegmentDraft(partial(_drawn, sheet, choice.low_res_mask, points, limits), of, remark_on(hint)))
    return sketches


def _drawn(sheet: Sheet, logits: NDArray[np.float32], points: Sequence[Point], limits: Box | None) -> Mask:
    mask = shaped(sheet, logits, points)
    return mask if limits is None else clipped(mask, limits)


def is_unsure(hint: Hint, found: Sequence[Candidates]) -> bool:
    """Whether SAM doubts its one mask for a box: then its three masks are looked at, too."""
    best_one = max(float(each.iou_predictions.max()) for each in found)
    return hint.box is not None and hint.previous is None and best_one < UNSURE


def answered(
    sight: Features, seen: Seen, hint: Hint, located: Sequence[Located], candidates: Sequence[Candidates]
) -> tuple[Choice, Located | None]:
    """The candidate that a hint means, and the phrase that it points at, where text came along."""
    selection = sight.config.selection
    weight = selection.agreement if located else selection.hint_agreement
    scores = hint_scores(sight, seen, hint) if weight else np.ones((1, 1), np.float32)
    meant = max(located, key=lambda phrase: float((phrase.scores * scores).sum()), default=None)
    if hint.previous is not None:
        return refined(hint, candidates, seen.size, selection.steadiness), meant
    wanted = np.sqrt(meant.scores * scores) if meant else scores
    return best(obedient(candidates, marks(hint, seen.size), seen.size), wanted, weight), meant


def hint_scores(sight: Features, seen: Seen, hint: Hint) -> NDArray[np.float32]:
    """The hint as initial maps, spread by self-attention (iSeg): scores (g, g) with maximum 1."""
    ((attention, _),) = sight.attend(
        [TextQuestion(seen, Wording(sight.models.backbone.tokenize(""), ()))], lambda: None
    )
    channels = hint_channels(hint, int(attention.among.shape[0] ** 0.5), seen.size)
    start = torch.from_numpy(channels.maps).to(attention.among.device)
    refined = refine(start, attention.broad, attention.among, sight.config.refine).scores
    return np.asarray(merged(refined, channels.positive).cpu().numpy())

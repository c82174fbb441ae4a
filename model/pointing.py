"""One segment for each thing an annotator pointed at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from model.hints import hint_channels, hint_prompt, merged
from model.locating import Located
from model.refine import refine
from model.selection import best
from model.sight import Seen, Sight
from model.values import Hint, Segment
from model.wording import Wording


def pointed(sight: Sight, seen: Seen, hints: Sequence[Hint], located: Sequence[Located]) -> tuple[Segment, ...]:
    """Ask SAM for each hint; where text came along, it says which of SAM's candidates is meant."""
    segmenter, selection = sight.models.segmenter, sight.config.selection
    candidates = segmenter.decode(seen.embedding, [hint_prompt(hint, seen.size) for hint in hints])
    segments = []
    for number, (hint, each) in enumerate(zip(hints, candidates, strict=True)):
        weight = selection.agreement if located else selection.hint_agreement
        scores = hint_scores(sight, seen, hint) if weight else np.ones((1, 1), np.float32)
        meant = max(located, key=lambda phrase: float((phrase.scores * scores).sum()), default=None)
        choice = best([each], np.sqrt(meant.scores * scores) if meant else scores, weight)
        mask = segmenter.enlarge(seen.embedding, torch.from_numpy(choice.low_res_mask[None]))[0]
        if mask.any():
            phrase, clause = (meant.sought.phrase, meant.sought.clause) if meant else (None, None)
            segments.append(Segment(mask, choice.score, phrase, clause, number))
    return tuple(segments)


def hint_scores(sight: Sight, seen: Seen, hint: Hint) -> NDArray[np.float32]:
    """The hint as initial maps, spread by self-attention (iSeg): scores (g, g) with maximum 1."""
    attention, _ = sight.attend(seen, Wording(sight.models.backbone.tokenize(""), ()), lambda: None)
    channels = hint_channels(hint, int(attention.among.shape[0] ** 0.5), seen.size)
    start = torch.from_numpy(channels.maps).to(attention.among.device)
    refined = refine(start, attention.broad, attention.among, sight.config.refine).scores
    return np.asarray(merged(refined, channels.positive).cpu().numpy())

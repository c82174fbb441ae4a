"""Which settings bring replayed answers closest to what annotators left: a plain search, one constant after another.

Every grid is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from model.config import EngineConfig
from model.learning.dataset.agreement import score
from model.learning.dataset.consensus import agreed
from model.learning.dataset.learning_examples import LearningExample
from model.learning.guard import Marks
from model.learning.lesson_content import changed, content_of
from model.learning.lesson_query import phrase_choices
from model.learning.overrides import under
from model.learning.replay import Memory
from model.types import Lesson

PERFECT = 0.97  # a label that scores this has nothing to win from settings
GOOD = 0.9  # from here on, other words cannot be what is missing
WORTH = 0.01  # least gain that a change has to bring on the pictures that are learned from
ERRORS = 2.0  # standard errors that a mean gain has to exceed: what three pictures say and none denies passes
ROUNDS = 2  # through all settings: a second one where the first has changed something

THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8)  # from blobs that run together to a peak's surroundings
PRESENCES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # times what is in force: its scale differs from word to word
ENTROPIES = (0.0, 0.05, 0.1, 0.2)  # iSeg's lambda and its neighbours
ENHANCEMENTS = (1.0, 1.3, 1.6)  # from plain text to iSeg's optimum of gamma
MARGINS = (-0.1, -0.05, -0.025, 0.0, 0.025, 0.05, 0.1)  # of the object's side: half a cell of SAM's frame and more
SMOOTHINGS = (0.0, 0.03, 0.06)  # of the object's side: what hangs on by less than about a sixteenth is cut


class Study:
    """Pictures with what annotators agree on, and the score of any lesson of a label on them. Used inside the lane."""

    def __init__(self, memory: Memory, examples: Sequence[LearningExample]) -> None:
        self.memory = memory
        self.examples = {each.picture: each for each in examples}
        self.wanted: dict[str, Marks] = {each.picture: agreed(each) for each in examples}
        self._scores: dict[tuple[str, str, str], float] = {}

    def level(self, label: str, lesson: Lesson, pictures: Sequence[str]) -> float:
        """Mean score of a label over its pictures; each picture without it on which it is found costs one of them.

        At most 1, and below 0 where most finds are wrong. There has to be a picture with the label.
        """
        lost = sum(1 - self.score(label, lesson, picture) for picture in pictures)
        return 1 - lost / len(self.with_label(label, pictures))

    def surely(self, label: str, new: Lesson, old: Lesson, pictures: Sequence[str]) -> bool:
        """Whether a lesson is better than another one by more than one picture's luck."""
        gains = np.array([self.score(label, new, each) - self.score(label, old, each) for each in pictures])
        return bool(gains.mean() >= ERRORS * gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else False

    def score(self, label: str, lesson: Lesson, picture: str) -> float:
        """The score of one picture, replayed."""
        key = picture, label, content_of(lesson)
        if key not in self._scores:
            found = self.memory.found(self.examples[picture], label, lesson)
            self._scores[key] = score(self.wanted[picture].get(label, ()), found)
        return self._scores[key]

    def with_label(self, label: str, pictures: Iterable[str]) -> list[str]:
        """The pictures on which annotators agree to see the label."""
        return [picture for picture in pictures if self.wanted[picture].get(label)]


def fit_phrases(study: Study, label: str, start: Lesson, pictures: Sequence[str]) -> Lesson:
    """The lesson with the phrases, and the weight of their words, that find the label best."""
    level = study.level(label, start, pictures)
    if level >= GOOD:
        return start
    curriculum, config = study.memory.curriculum, study.memory.config
    texts = phrase_choices(curriculum, label, study.memory.parser)
    best, level = better(study, label, (start, level), [replace(start, phrases=each) for each in texts], pictures)
    if level >= GOOD:
        return best
    factors = [changed(best, "attention", "enhancement", each, config) for each in ENHANCEMENTS]
    return better(study, label, (best, level), factors, pictures)[0]


def fit_settings(study: Study, label: str, start: Lesson, pictures: Sequence[str]) -> Lesson:
    """The lesson with the settings that score best on some pictures."""
    best, level = start, study.level(label, start, pictures)
    for _ in range(ROUNDS):
        before = content_of(best)
        for section, name, values in grids(under(study.memory.config, start)):
            if level >= PERFECT:
                return best
            choices = [changed(best, section, name, each, study.memory.config) for each in values]
            best, level = better(study, label, (best, level), choices, pictures)
        best, level = better(study, label, (best, level), _joined(best, study.memory.curriculum.separate), pictures)
        if content_of(best) == before:
            break
    return best


def _joined(lesson: Lesson, usual: bool) -> list[Lesson]:
    """The lesson with objects apart where they are one region, and the other way round."""
    apart = usual if lesson.separate is None else lesson.separate
    return [replace(lesson, separate=None if usual is not apart else not apart)]


def grids(config: EngineConfig) -> list[tuple[str, str, tuple[Any, ...]]]:
    """What is tried, in this order: what changes masks most comes first, so that finer settings fit what it leaves.

    Refinement that makes one product has no entropy factor. Where evidence is not measured, none is asked for.
    """
    presence = config.selection.presence
    return [
        ("finish", "fill_holes", (False, True)),
        ("selection", "granularity", (None, 0, 1, 2)),
        ("prompting", "threshold", THRESHOLDS),
        *([("selection", "presence", tuple(round(presence * each, 4) for each in PRESENCES))] if presence else []),
        *([("refine", "entropy_factor", ENTROPIES)] if config.refine.max_iterations > 1 else []),
        ("finish", "margin", MARGINS),
        ("finish", "smoothing", SMOOTHINGS),
    ]


def better(
    study: Study, label: str, best: tuple[Lesson, float], choices: Iterable[Lesson], pictures: Sequence[str]
) -> tuple[Lesson, float]:
    """The best of some lessons with its level, where it is worth a change; else the one that is best so far."""
    tried = [(each, study.level(label, each, pictures)) for each in choices]
    worthy = [each for each in tried if each[1] >= best[1] + WORTH and study.surely(label, each[0], best[0], pictures)]
    return max(worthy, key=lambda each: each[1], default=best)

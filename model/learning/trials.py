"""Held-out pictures answered twice: under the lessons in force, and under what the other pictures teach."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from model.errors import BadImage
from model.learning.dataset.before_after import HeldOutLabel
from model.learning.dataset.learning_examples import LEAST_PICTURES
from model.learning.dataset.sampling import MOST, sampled
from model.learning.fitting import fit
from model.learning.guard import FOLDS, Judgement, Marks, folds, judge
from model.learning.lesson_content import NOTHING, content_of
from model.learning.replay import Memory
from model.learning.saved_steps import Saved, Step, resumed
from model.learning.search import Study
from model.types import Lesson

Lessons = Mapping[str, Lesson]  # by label


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Every picture answered before and after, each time under lessons that it took no part in.

    By picture: the objects wanted, found before, and found after, and the fold that it was held out in. lessons: by
    fold. changed: the labels for which some fold learned something.
    """

    wanted: Mapping[str, Marks]
    before: Mapping[str, Marks]
    after: Mapping[str, Marks]
    fold_of: Mapping[str, int]
    lessons: Sequence[Lessons]
    changed: frozenset[str]

    def judged(self, labels: Collection[str]) -> dict[str, Judgement]:
        """The judgement of each label."""
        wanted, before, after = (
            [side[each] for each in self.wanted] for side in (self.wanted, self.before, self.after)
        )
        return {label: judge((label, len(self.changed)), wanted, before, after) for label in labels}

    def scenes(self, label: str) -> list[HeldOutLabel]:
        """The pictures on which annotators or either way see a label."""
        sides = self.wanted, self.before, self.after
        rows = [(picture, [side[picture].get(label, ()) for side in sides]) for picture in self.wanted]
        return [HeldOutLabel(picture, label, *found) for picture, found in rows if any(found)]

    def overall(self) -> tuple[float, float]:
        """Mean scores before and after, over all labels on all pictures that show them."""
        labels = sorted({label for marks in (*self.wanted.values(), *self.before.values()) for label in marks})
        scores = [scene.scores for label in labels for scene in self.scenes(label)]
        before, after = np.mean(scores, axis=0) if scores else (1.0, 1.0)
        return float(before), float(after)


def first_answers(memory: Memory) -> Step:
    """What pre-annotation finds under the lessons in force, on as many pictures as are learned from."""
    curriculum, left_out = memory.curriculum, 0
    marks: dict[str, Marks] = {}
    for example in sampled(curriculum):
        if len(marks) == MOST[curriculum.preset]:
            break
        try:
            marks[example.picture] = memory.answer(example, curriculum.in_force)
        except BadImage:  # gone, or changed since it was annotated: the others teach enough
            left_out += 1
    return Step(marks=marks, left_out=left_out)


def tried(study: Study, saved: Saved, before: Mapping[str, Marks]) -> Trials:
    """Fit lessons to the pictures outside of each fold, and answer those inside under them."""
    pictures, in_force = list(study.examples), study.memory.curriculum.in_force
    labels = [label for label in study.memory.curriculum.labels if enough(study, label)]
    shown = [frozenset(label for label in labels if study.wanted[each].get(label)) for each in pictures]
    fold_of = dict(zip(pictures, folds(shown), strict=True))
    after, fitted, changed = dict(before), [], set()
    for fold in range(FOLDS) if labels else ():
        step = resumed(saved, f"fold {fold + 1}", partial(_fold, study, labels, fold_of, fold))
        after.update(step.marks)
        fitted.append(step.lessons)
        changed |= {label for label in labels if differ(in_force, step.lessons, label)}
    return Trials(study.wanted, before, after, fold_of, fitted, frozenset(changed))


def _fold(study: Study, labels: Sequence[str], fold_of: Mapping[str, int], fold: int) -> Step:
    lessons = fit(study, labels, [each for each in fold_of if fold_of[each] != fold])
    return Step(lessons, _answered(study, lessons, [each for each in fold_of if fold_of[each] == fold]))


def with_winners(study: Study, saved: Saved, trials: Trials, winners: Collection[str]) -> Trials:
    """The trials with what was learned about the winners alone: the other labels as in force."""
    if set(winners) == trials.changed or not winners:
        return trials
    in_force, after = study.memory.curriculum.in_force, dict(trials.before)
    for fold, lessons in enumerate(trials.lessons):
        won = {**in_force, **{label: lessons[label] for label in winners if label in lessons}}
        held = [picture for picture in trials.fold_of if trials.fold_of[picture] == fold]
        step = resumed(saved, f"fold {fold + 1}, winners", partial(_rerun, study, won, held))
        after.update(step.marks)
    return replace(trials, after=after, changed=frozenset(winners))


def _rerun(study: Study, lessons: Lessons, pictures: Sequence[str]) -> Step:
    return Step(lessons, _answered(study, lessons, pictures))


def _answered(study: Study, lessons: Lessons, pictures: Sequence[str]) -> dict[str, Marks]:
    """What pre-annotation finds under lessons, where these differ from those in force."""
    in_force = study.memory.curriculum.in_force
    if not any(differ(in_force, lessons, label) for label in {*in_force, *lessons}):
        return {}
    return {picture: study.memory.answer(study.examples[picture], lessons) for picture in pictures}


def enough(study: Study, label: str) -> bool:
    """Whether enough pictures show a label to learn anything about it."""
    return len(study.with_label(label, study.examples)) >= LEAST_PICTURES


def differ(some: Lessons, others: Lessons, label: str) -> bool:
    """Whether two sets of lessons say different things about a label."""
    return content_of(some.get(label, NOTHING)) != content_of(others.get(label, NOTHING))

"""From corrections to lessons that are proven on pictures that they were not learned from: the whole way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from model.engine import Engine
from model.learning.dataset.before_after import shown, telling
from model.learning.dataset.learning_examples import Curriculum, needed
from model.learning.fitting import fit
from model.learning.guard import Judgement
from model.learning.lesson_content import NOTHING, in_words
from model.learning.replay import Memory
from model.learning.saved_steps import Saved, Step, resumed
from model.learning.search import Study
from model.learning.trials import Trials, first_answers, tried, with_winners
from model.methods.segment_anyword.inversion import GiveWay
from model.types import Lesson

Words = Mapping[str, tuple[str, ...]]  # by label, what is new about it


@dataclass(frozen=True, slots=True, eq=False)
class LearningVerdict:
    """What came of learning: the lessons to put in force, by label, where they are adopted; figures; why, in words.

    lessons: those in force where nothing is adopted. figures (as JSON takes it): "labels" by label with pictures,
    objects, before, after, low, high, missing, adopted and changes (in words); "overall" with before and after;
    "examples", "used" and "left_out" (pictures that are gone, or whose masks have another size); "pictures": up to
    four held-out ones with picture, label, scores [before, after] and images "annotators", "before" and "after"
    (JPEG in base64).
    """

    adopted: bool
    lessons: Mapping[str, Lesson]
    figures: Mapping[str, Any]
    reason: str


def learn(engine: Engine, curriculum: Curriculum, saved: Saved, give_way: GiveWay) -> LearningVerdict:
    """Fit lessons to four fifths of the pictures, judge them on the rest, five times over; adopt what wins.

    What is adopted is fitted to all pictures then. `give_way` is called between steps. A call with the same `saved`
    goes on behind the last step that was saved there; the curriculum has to be the same.
    """
    memory = Memory(engine, curriculum, give_way)
    before = resumed(saved, "before", lambda: first_answers(memory))
    study = Study(memory, [each for each in curriculum.examples if each.picture in before.marks])
    trials = tried(study, saved, before.marks)
    judged = trials.judged(curriculum.labels)
    winners = [label for label in curriculum.labels if label in trials.changed and judged[label].wins]
    proven = with_winners(study, saved, trials, winners)
    won, told = _adopted(study, saved, proven, winners)
    figures = {
        "labels": {label: _row(judged[label], told.get(label, ())) for label in curriculum.labels},
        "overall": dict(zip(("before", "after"), proven.overall(), strict=True)),
        "examples": len(curriculum.examples),
        "used": len(study.examples),
        "left_out": before.left_out,
        "pictures": _pictures(study, proven, winners or sorted(trials.changed)),
    }
    return LearningVerdict(bool(told), won, figures, _reason(judged, winners, told))


def _adopted(study: Study, saved: Saved, trials: Trials, winners: Sequence[str]) -> tuple[Mapping[str, Lesson], Words]:
    """The lessons to put in force and what is new about each winner, fitted to all pictures.

    Nothing is new where the whole project would lose by what the winners gain.
    """
    in_force = study.memory.curriculum.in_force
    before, after = trials.overall()
    if not winners or after < before:
        return in_force, {}
    everything = list(study.examples)
    fitted = resumed(saved, "all pictures", lambda: Step(fit(study, winners, everything))).lessons
    won = {label: fitted.get(label, NOTHING) for label in winners}
    told = {label: in_words(in_force.get(label, NOTHING), won[label], study.memory.config) for label in winners}
    new = {label: words for label, words in told.items() if words}
    return {**in_force, **{label: won[label] for label in new}}, new


def _row(judgement: Judgement, words: Sequence[str]) -> dict[str, Any]:
    return {**asdict(judgement), "adopted": bool(words), "changes": list(words)}


def _pictures(study: Study, trials: Trials, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The held-out pictures that say most about what changed, as figures."""
    scenes = telling([scene for label in labels for scene in trials.scenes(label) if scene.changed])
    return [shown(scene, study.memory.seen(study.examples[scene.picture]).image) for scene in scenes]


def _reason(judged: Mapping[str, Judgement], winners: Sequence[str], told: Words) -> str:
    """Why lessons are adopted or not, for a person."""
    if told:
        gains = [
            f"{label}: {judged[label].before:.2f} to {judged[label].after:.2f}, {', '.join(told[label])}"
            for label in told
        ]
        return "better on held-out pictures: " + "; ".join(gains)
    if winners:
        return f"{', '.join(winners)} would gain less than the other labels lose"
    missing = {label: each.missing for label, each in judged.items() if each.missing}
    waiting = "; ".join(f"{label}: {needed(count)} needed" for label, count in missing.items())
    if len(missing) == len(judged):
        return waiting or "there are no labels to learn about"
    return "nothing was better by more than noise" + (f" ({waiting})" if waiting else "")

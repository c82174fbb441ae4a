from dataclasses import replace

import numpy as np

from model.embedded.scenes import TUNING
from model.engine import Engine
from model.evaluation.scenarios.questions import questions
from model.evaluation.tables.sweep import MOST_FALSE, Outcome, calibrated, judged, outcomes
from model.types import Segment


def outcome(presence: float, there: bool) -> Outcome:
    mask = np.ones((4, 4), bool)
    return Outcome(mask if there else ~mask, (Segment(mask, 0.9, presence=presence),))


def test_the_threshold_lets_few_absent_phrases_through_and_all_present_ones() -> None:
    absent = [outcome(0.001 * i, False) for i in range(200)]
    verdict = judged([*absent, *(outcome(0.4 + 0.01 * i, True) for i in range(10))])
    assert verdict.iou == 1.0
    assert MOST_FALSE - 0.01 < verdict.false_positives <= MOST_FALSE
    assert 0.18 < verdict.presence < 0.2


def test_where_evidence_says_nothing_nothing_is_found() -> None:
    verdict = judged([outcome(0.2, True), outcome(0.2, False)])
    assert (verdict.iou, verdict.false_positives) == (0.0, 0.0)


def test_a_calibrated_threshold_turns_absent_phrases_away(engine: Engine) -> None:
    asked = list(questions(TUNING, 3))
    settled = Engine(engine.models, replace(engine.config, presences={"fast": 0.9}))
    presence = calibrated(settled, asked, "fast")
    strict = Engine(engine.models, replace(engine.config, presences={"fast": presence}))
    absent = [replace(each, phrases=tuple(phrase for phrase in each.phrases if not phrase.there)) for each in asked]
    assert 0 < presence < 0.9
    assert sum(bool(outcome.segments) for outcome in outcomes(strict, absent)) == 1  # of 6: the strongest, as 0.07 says

import numpy as np
import pytest

from model.evaluation.sweep import Outcome, judged
from model.values import Segment


def outcome(presence: float, there: bool) -> Outcome:
    mask = np.ones((4, 4), bool)
    return Outcome(mask if there else ~mask, (Segment(mask, 0.9, presence=presence),))


def test_the_threshold_parts_what_is_there_from_what_is_not() -> None:
    found = [outcome(0.4 + 0.01 * i, True) for i in range(10)] + [outcome(0.1 + 0.01 * i, False) for i in range(10)]
    verdict = judged(found)
    assert (verdict.iou, verdict.false_positives) == (1.0, 0.0)
    assert 0.19 < verdict.presence <= 0.4


def test_where_evidence_says_nothing_half_right_is_all_there_is() -> None:
    found = [outcome(0.2, True), outcome(0.2, False)]
    assert judged(found).worth == pytest.approx(0.0)

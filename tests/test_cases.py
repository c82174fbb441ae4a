"""The predicates that judge the recorded cases: each is met by a right answer and by no wrong one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.types import Mask
from tests.cases.__main__ import SINGLE, chosen
from tests.cases.judge import Answer, Answered, truth_of, wrong
from tests.cases.requests import FOLDER, PROSE, load
from tests.cases.situations import SITUATIONS


def square(left: int) -> Mask:
    mask = np.zeros((20, 60), np.bool_)
    mask[5:15, left : left + 10] = True
    return mask


TRUTH = {"red": square(5), "blue": square(40)}
RED = Answered(200, (Answer(square(5), ("Red",), "mask", "image", "kept"),), "one region kept")


@pytest.mark.parametrize(
    ("right", "other"),
    [
        ({"covers": ["red"]}, {"covers": ["red", "blue"]}),
        ({"covers_all": ["red"]}, {"covers_all": ["blue"]}),
        ({"regions": 1}, {"regions": 2}),
        ({"labels": ["Red"]}, {"labels": ["Blue"]}),
        ({"iou": 0.9}, {"iou": 1.1}),
        ({"pairs": [["Red", "red"]]}, {"pairs": [["Red", "blue"]]}),
        ({"labels_lack": "Blue"}, {"labels_lack": "Red"}),
        ({"message_lacks": "no red"}, {"message_lacks": "one region"}),
        ({"says": "kept"}, {"says": "lost"}),
        ({"answered": True}, {"answered": False}),
        ({"control": "mask"}, {"control": "b2"}),
        ({"pictures": ["image"]}, {"pictures": ["after"]}),
        ({"side": "left"}, {"side": "right"}),
    ],
)
def test_a_predicate_tells_right_from_wrong(right: dict[str, Any], other: dict[str, Any]) -> None:
    assert wrong(RED, right, TRUTH) == []
    assert len(wrong(RED, other, TRUTH)) == 1


def test_a_refusal_is_wrong_and_an_unknown_predicate_is_told() -> None:
    assert wrong(Answered(422, (), "why"), {}, TRUTH) == ["status 422: why"]
    with pytest.raises(AssertionError, match="no predicate"):
        wrong(RED, {"colour": "red"}, TRUTH)


def test_run_lengths_begin_with_the_ground() -> None:
    (mask,) = truth_of({"truth": {"thing": [3, 2, 480 * 360 - 5]}}).values()
    assert np.flatnonzero(mask).tolist() == [3, 4]


def test_every_case_has_a_predicate_and_a_part() -> None:
    if not FOLDER.is_dir():
        pytest.skip("the cases are not beside this checkout")
    assert len(chosen([], everything=False)) == len(SINGLE) + 1  # two label names
    names = chosen([], everything=True)
    prose = {name for name in names if name not in SITUATIONS and "check" not in load(name)}
    assert set(PROSE) == prose

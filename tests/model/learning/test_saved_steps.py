import numpy as np

from model.learning.lesson_content import content_of
from model.learning.saved_steps import Step, decoded, encoded, resumed
from model.types import Lesson
from tests.model.learning.pictures import Kept


def test_a_step_comes_back_as_it_was_saved() -> None:
    rows = np.random.default_rng(1).standard_normal((3, 8)).astype(np.float32)
    lesson = Lesson(
        "k", ("a", "b"), {"selection": {"templates": ("a {}",), "granularity": None}}, {"glorp": rows}, True
    )
    mask = np.eye(9, 7, dtype=np.bool_)
    step = decoded(encoded(Step({"dog": lesson}, {"12": {"dog": (mask, ~mask), "cat": ()}}, 3)))
    assert content_of(step.lessons["dog"]) == content_of(lesson)
    np.testing.assert_array_equal(step.lessons["dog"].embeddings["glorp"], rows)
    assert step.lessons["dog"].changes["selection"]["templates"] == ("a {}",)
    np.testing.assert_array_equal(step.marks["12"]["dog"], (mask, ~mask))
    assert step.marks["12"]["cat"] == ()
    assert step.left_out == 3


def test_a_saved_step_is_not_computed_again() -> None:
    kept = Kept()
    first = resumed(kept, "one", lambda: Step(left_out=1))
    again = resumed(kept, "one", lambda: Step(left_out=2))
    assert first.left_out == again.left_out == 1

import numpy as np
import pytest

from model.embedded.scenes import HELD_OUT
from model.evaluation.scenarios.questions import around, click, questions
from model.evaluation.tables.quality_figures import hits


def test_phrases_are_there_or_not_as_they_say() -> None:
    for question in questions(HELD_OUT, 12):
        assert [phrase.there for phrase in question.phrases].count(True) >= 1
        for phrase in question.phrases:
            assert phrase.truth.shape == question.scene.image.shape[:2]
            if not phrase.there:
                assert phrase.truth.sum() == 0


def test_every_object_is_meant_by_some_phrase() -> None:
    for question in questions(HELD_OUT, 12):
        meant = np.any([phrase.truth for phrase in question.phrases], axis=0)
        assert all(meant[thing.mask].all() for thing in question.scene.objects)


def test_the_click_is_the_innermost_pixel_and_the_box_is_tight() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:12, 10:21] = True
    point, box = click(mask), around(mask)
    assert point.y == pytest.approx(8.5)
    assert 13 <= point.x <= 18
    assert (box.x0, box.y0, box.x1, box.y1) == (10, 5, 21, 12)


def test_the_brightest_cell_has_to_lie_on_the_object() -> None:
    truth = np.zeros((32, 32), bool)
    truth[:16, :16] = True
    inside, outside = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
    inside[3, 3] = outside[12, 3] = 1
    assert hits(inside, truth)
    assert not hits(outside, truth)

import numpy as np
import pytest

from model.evaluation.datasets.examples import ClassMap, Target
from model.evaluation.records import Area, ClassArea
from model.evaluation.tables.compare_answer import area, class_areas, labelled, overlaps, painted
from model.grounding.label_maps import LabelMap
from model.types import Answer, Mask, Phrase, Segment, Word


def columns(first: int, last: int) -> Mask:
    mask = np.zeros((4, 10), np.bool_)
    mask[:, first:last] = True
    return mask


def said(mask: Mask, start: int) -> Segment:
    return Segment(mask, 0.5, Phrase("dog", Word("dog", "dog", start, start + 3)), clause=0)


def test_a_whole_text_is_answered_by_all_its_segments() -> None:
    answer = Answer((said(columns(0, 4), 4), said(columns(6, 8), 20)))
    assert area(answer, Target(columns(0, 5))) == Area(both=16, either=28, true=20)


def test_a_part_of_a_text_is_answered_by_the_segments_whose_noun_stands_in_it() -> None:
    answer = Answer((said(columns(0, 4), 4), said(columns(6, 8), 20)))
    assert area(answer, Target(columns(0, 5), span=(0, 7))) == Area(both=16, either=20, true=20)
    assert area(answer, Target(columns(0, 5), span=(7, 20))) == Area(both=0, either=20, true=20)


def test_overlaps_are_ious_of_segments_with_objects() -> None:
    found = overlaps([said(columns(0, 4), 0), said(columns(9, 10), 0)], [columns(0, 2), columns(2, 6)])
    assert found[0] == pytest.approx((0.5, 2 / 6), abs=1e-6)
    assert found[1] == (0, 0)
    assert overlaps([said(columns(0, 4), 0)], []) == ((),)


LABELS = np.zeros((4, 10), np.uint8)
LABELS[:, :4], LABELS[:, 4:6], LABELS[0] = 2, 1, 255


def test_the_surest_segment_paints_last_and_ignored_pixels_do_not_count() -> None:
    classes = ClassMap(("background", "cat", "dog", "cow"), LABELS)
    assert classes.present == (1, 2)
    answer = Answer((Segment(columns(0, 6), 0.9, clause=1), Segment(columns(3, 8), 0.4, clause=0)))
    found = painted(answer, classes)
    assert found[0].tolist() == [2] * 6 + [1] * 2 + [0] * 2
    assert class_areas(found, classes) == (
        ClassArea("background", both=6, found=6, true=12),
        ClassArea("cat", both=0, found=6, true=6),
        ClassArea("dog", both=12, found=18, true=12),
    )


def test_without_a_background_class_the_rest_belongs_to_nobody() -> None:
    classes = ClassMap(("road", "cat", "dog"), LABELS)
    found = painted(Answer((Segment(columns(0, 2), 0.9, clause=2),)), classes)
    assert classes.present == (0, 1, 2)
    assert set(np.unique(found)) == {2, 255}
    assert {each.name: each.found for each in class_areas(found, classes)} == {"road": 0, "cat": 0, "dog": 6}


def test_a_label_map_gets_the_values_of_the_data_set() -> None:
    classes = ClassMap(("background", "cat", "dog", "cow"), LABELS)
    numbers = np.repeat(np.array([[0, 1, 2, 2, 1]], np.int32), 2, axis=1)
    assert labelled(LabelMap(numbers, ("background", "cat", "dog")), classes)[0].tolist() == [
        0,
        0,
        1,
        1,
        2,
        2,
        2,
        2,
        1,
        1,
    ]
